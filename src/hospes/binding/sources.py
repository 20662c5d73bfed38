"""Where each parameter of a handler comes from: the decision, made once.

The questions, in order; the first that is answered with yes decides:

1. Does a marker say it (`Header("X-Token")` as default, as annotation, or in `Annotated`)?
2. Is its type one that is injected (Request, Response, Headers, Cookies, RequestBodyReader …)?
3. Has the route a path value of its name, and the type a form as text?
4. Has the program a model binding for its type, is the type provided, does the type bind itself?
5. Can a text be it? Then it is a parameter of query or form. A dict is one too, in JSON.
6. Is it a model, or made of models? Then it is the content; in a route whose requests have none, its members are parameters.
7. Is there a default model binding?

Laws:

* A parameter that no question decides is an error that says what could be done about it.
* An argument is missing where the request does not bring it; then its default is taken, None where it is optional, else 400.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, get_args, get_origin

from hospes.binding import content as contents
from hospes.binding import texts
from hospes.binding.annotations import class_of, element_of, is_optional, metadata_of, plain, type_of
from hospes.binding.injected import by_binding, injected
from hospes.binding.itself import BindsItself, ModelBindings
from hospes.binding.markers import (
    Cookie,
    Header,
    JSONBody,
    Parameter,
    Parameters,
    PathValue,
    RegGroup,
    TextMarker,
)
from hospes.binding.models import holds_model, is_model, members_of
from hospes.binding.providing import Providers
from hospes.binding.pydantic import is_pydantic
from hospes.binding.scalars import TEXT, Converter, converter_for
from hospes.binding.signature import EMPTY, Argument, Site
from hospes.binding.source import Otherwise, Read, Reads, Source, default, required
from hospes.binding.texts import Place
from hospes.http.multipart import MultipartFile
from hospes.http.request import Request

WILDCARD = "*"
"""The name under which a route's wildcard stands among its path values."""

_CANNOT = (
    "annotate it with a type that text has (str, int, date, list[int] …), a dataclass or Struct "
    "for JSON, a marker such as Header, or a type that is provided"
)


class Chooser:
    """Chooses the sources of one handler's parameters.

    Args:
        site: What the route says.
        providers: Where provided objects come from.
        model_bindings: Bindings the program has written.
    """

    def __init__(self, site: Site, providers: Providers | None, model_bindings: ModelBindings | None) -> None:
        self._site = site
        self._forms = site.has_content
        self._providers = providers
        self._bindings = model_bindings or ModelBindings()

    def choose(self, arguments: Sequence[Argument]) -> list[Source]:
        """The source of each parameter, in order.

        Raises:
            SetupError: if one can never be bound, or two want the whole content.
        """
        sources = [self._variadic(each) if each.is_variadic else self._source(each) for each in arguments]
        models = [argument for argument, source in zip(arguments, sources, strict=True) if source.is_model]
        if len(models) > 1:
            raise models[1].problem(
                f"takes the content, and so does {models[0].name!r}",
                "put both into one dataclass or Struct: the content is one JSON value",
            )
        taken = frozenset(each.parameter for each in sources if each.parameter)
        return [
            self._remaining(argument, taken) if argument.kind is inspect.Parameter.VAR_KEYWORD else source
            for argument, source in zip(arguments, sources, strict=True)
        ]

    def _source(self, argument: Argument) -> Source:
        if isinstance(argument.default, type) and argument.default.__module__.startswith("hospes."):
            kind = argument.default.__name__
            raise argument.problem(f"has the class {kind} as its default", f"write `{argument.name}: {kind}`, or `= {kind}()`")
        marker = _marker_of(argument)
        kind = plain(argument.annotation)
        source = None
        if marker is not None:
            source = self._marked(argument, marker)
        elif argument.name in (self._site.path_names or ()) and (converter := self._converter(argument)) is not None:
            usual = texts.usual_path_value(argument.name, converter)
            source = Source(texts.path_value(argument.name, converter), usual=usual)
        if source is None:
            source = (
                injected(argument, get_origin(kind) or kind, self._forms)
                or self._own(argument, kind)
                or self._text(argument, argument.name, self._otherwise(argument))
                or self._content(argument)
                or self._by_default_binding(argument)
            )
        if source is None:
            raise argument.problem(f"cannot be bound: {_type_name(argument)} comes from nowhere", _CANNOT)
        return source

    # 1. Markers.

    def _marked(self, argument: Argument, marker: Marker) -> Source:
        match marker:
            case PathValue():
                return self._path_value(argument, marker)
            case RegGroup():
                return self._reg_group(argument, marker)
            case Parameters():
                return self._parameters(argument, marker)
            case Header():
                return self._header(argument, marker)
            case Cookie():
                return self._cookie(argument, marker)
            case Parameter():
                return self._parameter(argument, marker)
            case MultipartFile():
                return self._file(argument, marker)
            case JSONBody():
                return self._json_body(argument)

    def _path_value(self, argument: Argument, marker: PathValue) -> Source:
        names = self._site.path_names
        name = marker.name or argument.name
        if names is not None and name not in names:
            if WILDCARD not in names:
                listed = ", ".join(sorted(names)) or "none"
                raise argument.problem(
                    f"is the path value {name!r}, which its route does not have (it has: {listed})",
                    f"write {{{name}}} in the route's path",
                )
            name = WILDCARD
        converter = self._converter(argument, PathValue)
        if converter is None:
            raise argument.problem(f"is a path value, and {_type_name(argument)} cannot be made of text", _CANNOT)
        return Source(texts.path_value(name, converter), usual=texts.usual_path_value(name, converter))

    def _reg_group(self, argument: Argument, marker: RegGroup) -> Source:
        group = marker.group
        converter = self._converter(argument, RegGroup)
        if converter is None:
            raise argument.problem(f"is a group of the path, and {_type_name(argument)} cannot be made of text", _CANNOT)
        return Source(texts.reg_group(group, converter, _declared(argument, RegGroup) is None))

    def _parameter(self, argument: Argument, marker: TextMarker) -> Source:
        name = marker.name or argument.name
        source = self._text(argument, name, self._marked_otherwise(argument, marker, Place("query", name, self._forms)))
        if source is None:
            raise argument.problem(f"is a parameter, and {_type_name(argument)} cannot be made of text", _CANNOT)
        return source

    def _parameters(self, argument: Argument, marker: Parameters) -> Source:
        name = marker.name or argument.name
        place = Place("query", name, self._forms)
        made, element = element_of(argument.annotation) or (list, str)
        converter = TEXT if _declared(argument, Parameters) is None else converter_for(element)
        if converter is None:
            raise argument.problem(f"is a list of parameters, and {_type_name(argument)} cannot be made of texts", _CANNOT)
        otherwise = self._list_otherwise(argument, marker, place)
        read = texts.all_parameters(place, made, converter, otherwise)
        return Source(read, self._form, is_weak=True, parameter=name)

    def _header(self, argument: Argument, marker: Header) -> Source:
        name = marker.name or argument.name
        names = (name,) if marker.name or "_" not in name else (name, name.replace("_", "-"))
        place = Place("header", name)
        otherwise = self._marked_otherwise(argument, marker, place)
        element = element_of(argument.annotation)
        if element is not None and (converter := converter_for(element[1])) is not None:
            return Source(texts.header_lines(place, names, element[0], converter, otherwise))
        converter = self._converter(argument, Header)
        if converter is None:
            raise argument.problem(f"is a header field, and {_type_name(argument)} cannot be made of text", _CANNOT)
        return Source(texts.header_field(place, names, converter, otherwise))

    def _cookie(self, argument: Argument, marker: Cookie) -> Source:
        name = marker.name or argument.name
        place = Place("cookie", name)
        kind = plain(argument.annotation)
        from http.cookies import Morsel  # slow to load, for who asks for cookies

        if argument.annotation is EMPTY or (isinstance(kind, type) and issubclass(kind, (Cookie, Morsel))):
            from hospes.binding.morsels import morsel_source

            return Source(morsel_source(place, marker, _is_required(argument, marker), argument))
        converter = self._converter(argument)
        if converter is None:
            raise argument.problem(f"is a cookie, and {_type_name(argument)} cannot be made of text", _CANNOT)
        return Source(texts.cookie_value(place, converter, self._marked_otherwise(argument, marker, place)))

    def _file(self, argument: Argument, marker: MultipartFile) -> Source:
        name = marker.name or argument.name
        otherwise = self._file_otherwise(argument, marker, name)
        element = element_of(argument.annotation)
        if element is not None and contents.is_file(argument.annotation):
            return Source(contents.all_files(name, element[0], otherwise), Reads.FORM)
        return Source(contents.one_file(name, otherwise), Reads.FORM)

    def _json_body(self, argument: Argument) -> Source:
        kind = plain(argument.annotation)
        if argument.annotation is EMPTY or kind is JSONBody or get_origin(kind) is JSONBody:
            fallback = (
                required("json", "#")
                if argument.default is EMPTY or isinstance(argument.default, JSONBody)
                else default(argument.default)
            )
            usual = contents.usual_json(dict[str, Any], JSONBody)
            return Source(contents.json_object(fallback), Reads.CONTENT, usual=usual)
        return self._json(argument, argument.annotation)

    # 4. Types that bind in their own way.

    def _own(self, argument: Argument, kind: Any) -> Source | None:
        wanted = class_of(type(argument.default) if argument.annotation is EMPTY else get_origin(kind) or kind)
        if wanted is None:
            return None
        binding = self._bindings.for_type.get(wanted)
        if binding is not None:
            return by_binding(argument, wanted, binding, self._forms)
        binds_itself = wanted is not BindsItself and hasattr(wanted, "__from_request__")
        # An object as default is what is taken where nothing comes; one of a type that binds itself stands for what does.
        if self._providers is not None and (binds_itself or argument.annotation is not EMPTY):
            provider = self._providers.find(wanted)
            if provider is not None:
                return Source(provider.get, provider.reads, is_object=True, waits=provider.waits)
        if binds_itself:
            reads = getattr(wanted, "__reads__", Reads.NOTHING) if self._forms else Reads.NOTHING
            make = getattr(wanted, "__from_request__")  # noqa: B009 (a class, no Any)
            return Source(make, reads, is_weak=True, is_object=True, waits=True)
        return None

    def _by_default_binding(self, argument: Argument) -> Source | None:
        wanted = class_of(plain(_typed(argument)))
        if self._bindings.default is None or wanted is None:
            return None
        return by_binding(argument, wanted, self._bindings.default, self._forms)

    # 5. Parameters of query and form.

    @property
    def _form(self) -> Reads:
        return Reads.FORM if self._forms else Reads.NOTHING

    def _text(self, argument: Argument, name: str, otherwise: Otherwise) -> Source | None:
        place = Place("query", name, self._forms)
        read = self._text_read(argument, _typed(argument), place, otherwise)
        if read is None:
            return None
        usual = texts.usual_parameter(place, converter_for(_typed(argument)), otherwise)
        return Source(read, self._form, is_weak=True, parameter=name, usual=usual)

    def _text_read(self, argument: Argument, annotation: Any, place: Place, otherwise: Otherwise) -> Read | None:
        converter = converter_for(annotation)
        if converter is not None:
            return texts.first_parameter(place, converter, otherwise)
        element = element_of(annotation)
        if element is not None:
            return self._each_text_read(argument, element, place, otherwise)
        kind = plain(annotation)
        arguments = get_args(kind)
        if get_origin(kind) is tuple and arguments:
            converters = [converter_for(each) for each in arguments]
            if all(each is not None for each in converters):
                return texts.fixed_parameters(place, tuple(each for each in converters if each is not None), otherwise)
        if _is_object(kind):
            return texts.json_parameter(place, self._text_decoder(argument, dict[str, Any] if kind is dict else kind), otherwise)
        return None

    def _each_text_read(self, argument: Argument, element: tuple[type, Any], place: Place, otherwise: Otherwise) -> Read | None:
        made, kind = element[0], plain(element[1])
        if _is_object(kind):
            decode = self._text_decoder(argument, dict[str, Any] if kind is dict else kind)
            return texts.all_json_parameters(place, made, decode, otherwise)
        wanted = class_of(kind)
        is_marker = wanted is not None and issubclass(wanted, TextMarker)
        converter = TEXT if is_marker else converter_for(element[1])
        return None if converter is None else texts.all_parameters(place, made, converter, otherwise)

    def _text_decoder(self, argument: Argument, annotation: Any) -> Callable[[Request, str, str, str], Any]:
        try:
            return contents.text_decoder(annotation)
        except (TypeError, NameError) as error:
            raise argument.problem(f"cannot be made of JSON: {error}", _CANNOT) from None

    # 6. The content.

    def _content(self, argument: Argument) -> Source | None:
        return self._json(argument, argument.annotation) if holds_model(argument.annotation) else None

    def _json(self, argument: Argument, annotation: Any) -> Source:
        fallback = self._otherwise(argument, Place("json", "#"))
        try:
            of_form = self._of_parameters(argument, annotation)
            if not self._forms and of_form is not None:
                return Source(of_form, is_model=True)
            of_json = contents.json_value(annotation, fallback)
        except (TypeError, NameError) as error:
            raise argument.problem(f"cannot be made of JSON: {error}", "use types that msgspec can decode in it") from None
        read = of_json if of_form is None else contents.by_content(of_json, of_form)
        return Source(read, Reads.CONTENT, is_model=True, usual=contents.usual_json(annotation))

    def _of_parameters(self, argument: Argument, annotation: Any) -> Read | None:
        """The model by its members' names, None for what has none, or has members that no parameter can be."""
        if not is_model(annotation):
            return None
        if is_pydantic(plain(annotation)):
            return contents.pydantic_of_parameters(plain(annotation), self._forms)
        members = members_of(annotation)
        if members is None:
            return None
        readers: list[tuple[Any, Read]] = []
        for member in members:
            place = Place("query", member.key, self._forms)
            otherwise = required("query", member.key) if member.required else Otherwise(contents.ABSENT)
            read = self._text_read(argument, member.annotation, place, otherwise)
            if read is None:
                read = texts.json_parameter(place, self._text_decoder(argument, member.annotation), otherwise)
            readers.append((member, read))
        return contents.model_of_members(annotation, readers)

    # What is missing.

    def _otherwise(self, argument: Argument, place: Place | None = None) -> Otherwise:
        if argument.default is not EMPTY:
            return default(argument.default)
        if is_optional(argument.annotation):
            return Otherwise(None)
        place = place or Place("query", argument.name)
        return required(place.source, place.name)

    def _marked_otherwise(self, argument: Argument, marker: TextMarker, place: Place) -> Otherwise:
        if _is_required(argument, marker):
            return required(place.source, place.name)
        if argument.default is not EMPTY and not isinstance(argument.default, TextMarker):
            return default(argument.default)
        if not marker.default and is_optional(argument.annotation):
            return Otherwise(None)
        made, element = element_of(argument.annotation) or (None, None)
        converter = self._converter(argument, type(marker)) if made is None else converter_for(element)
        if converter is None:
            return required(place.source, place.name)
        try:
            if made is not None:
                return default(made([converter(marker.default)] if marker.default else []))
            return default(converter(marker.default))
        except ValueError as error:
            if marker.default:
                raise argument.problem(
                    f"has the default {marker.default!r}: {error}", "give a default of the declared type"
                ) from None
            return required(place.source, place.name)

    def _list_otherwise(self, argument: Argument, marker: Parameters, place: Place) -> Otherwise:
        if argument.default is not EMPTY and not isinstance(argument.default, Parameters):
            return default(argument.default)
        if marker.required or (argument.default is EMPTY and not marker.default and not is_optional(argument.annotation)):
            return required(place.source, place.name)
        if not marker.default and is_optional(argument.annotation):
            return Otherwise(None)
        return default(list(marker.default))

    def _file_otherwise(self, argument: Argument, marker: MultipartFile, name: str) -> Otherwise:
        if marker.required:
            return required("form", name)
        if isinstance(argument.default, MultipartFile):
            return (
                Otherwise(None, functools.partial(MultipartFile, name))
                if not is_optional(argument.annotation)
                else Otherwise(None)
            )
        if argument.default is not EMPTY:
            return default(argument.default)
        return Otherwise(None) if is_optional(argument.annotation) else required("form", name)

    def _converter(self, argument: Argument, marker: type | None = None) -> Converter | None:
        """The converter for an argument's declared type; text where it is a marker's own."""
        if marker is not None and _declared(argument, marker) is None:
            return TEXT
        return converter_for(_typed(argument))

    # *args and **kw.

    def _variadic(self, argument: Argument) -> Source:
        if argument.kind is inspect.Parameter.VAR_KEYWORD:
            return self._remaining(argument, frozenset())
        place = Place("query", argument.name, self._forms)
        read = texts.all_parameters(place, list, self._variadic_converter(argument), Otherwise(()))
        return Source(read, self._form, is_weak=True, parameter=argument.name)

    def _remaining(self, argument: Argument, taken: frozenset[str]) -> Source:
        converter = self._variadic_converter(argument)
        return Source(texts.remaining_parameters(taken, converter, self._forms), self._form, is_weak=True)

    def _variadic_converter(self, argument: Argument) -> Converter:
        converter = TEXT if argument.annotation is EMPTY else converter_for(argument.annotation)
        if converter is None:
            raise argument.problem(f"takes parameters, and {_type_name(argument)} cannot be made of text", _CANNOT)
        return converter


Marker: TypeAlias = PathValue | RegGroup | Parameters | Header | Cookie | Parameter | MultipartFile | JSONBody
_MARKERS: tuple[type[Any], ...] = get_args(Marker)


def _marker_of(argument: Argument) -> Any:
    """The marker of a parameter, wherever it stands; None where there is none."""
    for each in (*metadata_of(argument.annotation), argument.default, plain(argument.annotation)):
        if isinstance(each, _MARKERS):
            return each
        kind = class_of(each)
        if kind is not None and issubclass(kind, _MARKERS):
            return kind()
    return MultipartFile() if contents.is_file(argument.annotation) else None


def _declared(argument: Argument, marker: type) -> Any:
    """The type that is declared beside a marker; None where there is none, or it is the marker's class."""
    kind = plain(argument.annotation)
    if kind is EMPTY or (isinstance(kind, type) and issubclass(kind, marker)):
        return None
    return kind


def _typed(argument: Argument) -> Any:
    """The declared type; where there is none, that of the default (`age=16` is an int), else str."""
    if argument.annotation is not EMPTY:
        kind = class_of(plain(argument.annotation))
        return str if kind is not None and issubclass(kind, TextMarker) else argument.annotation
    if argument.default is EMPTY or argument.default is None or isinstance(argument.default, _MARKERS):
        return str
    return type_of(argument.default)


def _is_required(argument: Argument, marker: TextMarker) -> bool:
    """A marker without any default, which stands in the annotation, is required; one that is the default only if it says so."""
    if marker.required:
        return True
    return argument.default is EMPTY and not marker.default and not is_optional(argument.annotation)


def _is_object(kind: Any) -> bool:
    """Whether it is a dict that JSON in a parameter may be: with anything in it, but models."""
    return kind is dict or (get_origin(kind) in {dict, Mapping} and not holds_model(kind))


def _type_name(argument: Argument) -> str:
    annotation = argument.annotation
    if annotation is EMPTY:
        return f"a default of type {type(argument.default).__qualname__}"
    annotation = plain(annotation)
    kind = class_of(annotation)
    if kind is not None and get_origin(annotation) is None:
        return kind.__qualname__.rpartition("<locals>.")[2]
    return str(annotation).replace("typing.", "")
