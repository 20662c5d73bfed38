"""Media types by the ending of a file's name.

Laws:

* The table is all there is: the same name has the same type on every machine, whatever the system's own lists say.
* Text is UTF-8 and says so; formats that carry their own encoding (XML, JSON) are left to do that.
* An ending nobody knows is `application/octet-stream`: browsers save it and run nothing.
"""

from __future__ import annotations

from typing import Final

OCTETS: Final = "application/octet-stream"

# Registered types (IANA) where there are; text/javascript by RFC 9239, text/markdown by RFC 7763, fonts by RFC 8081.
_TABLE: Final = """
application/atom+xml            atom
application/dash+xml            mpd
application/epub+zip            epub
application/geo+json            geojson
application/gpx+xml             gpx
application/gzip                gz tgz
application/java-archive        jar war ear
application/json                json map
application/json5               json5
application/ld+json             jsonld
application/manifest+json       webmanifest
application/mathml+xml          mathml
application/mbox                mbox
application/msgpack             msgpack
application/msword              doc dot
application/octet-stream        bin bpk deb deploy dist dll dmg dump elc exe img iso lrf mar msi msm msp obj pkg so
application/ogg                 ogx
application/pdf                 pdf
application/pgp-encrypted       pgp
application/pgp-signature       sig
application/pkcs10              p10
application/pkcs7-mime          p7c p7m
application/pkcs7-signature     p7s
application/pkix-cert           cer
application/pkix-crl            crl
application/postscript          ai eps ps
application/rdf+xml             owl rdf
application/rss+xml             rss
application/rtf                 rtf
application/schema+json         schema
application/smil+xml            smi smil
application/sql                 sql
application/srgs+xml            grxml
application/ttml+xml            ttml
application/toml                toml
application/vnd.amazon.ebook                azw
application/vnd.android.package-archive     apk
application/vnd.apple.installer+xml         mpkg
application/vnd.apple.mpegurl               m3u8
application/vnd.apple.pkpass                pkpass
application/vnd.google-earth.kml+xml        kml
application/vnd.google-earth.kmz            kmz
application/vnd.lotus-1-2-3                 123
application/vnd.mozilla.xul+xml             xul
application/vnd.ms-cab-compressed           cab
application/vnd.ms-excel                    xla xlc xlm xls xlt xlw
application/vnd.ms-fontobject               eot
application/vnd.ms-outlook                  msg
application/vnd.ms-powerpoint               pot pps ppt
application/vnd.ms-project                  mpp mpt
application/vnd.oasis.opendocument.chart            odc
application/vnd.oasis.opendocument.formula          odf
application/vnd.oasis.opendocument.graphics         odg
application/vnd.oasis.opendocument.presentation     odp
application/vnd.oasis.opendocument.spreadsheet      ods
application/vnd.oasis.opendocument.text             odt
application/vnd.openxmlformats-officedocument.presentationml.presentation   pptx
application/vnd.openxmlformats-officedocument.presentationml.slideshow      ppsx
application/vnd.openxmlformats-officedocument.presentationml.template       potx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet           xlsx
application/vnd.openxmlformats-officedocument.spreadsheetml.template        xltx
application/vnd.openxmlformats-officedocument.wordprocessingml.document     docx
application/vnd.openxmlformats-officedocument.wordprocessingml.template     dotx
application/vnd.rar             rar
application/vnd.sqlite3         sqlite sqlite3
application/vnd.tcpdump.pcap    cap pcap
application/vnd.visio           vsd vss vst
application/wasm                wasm
application/x-7z-compressed     7z
application/x-apple-diskimage   sparseimage
application/x-bittorrent        torrent
application/x-bzip2             bz2
application/x-csh               csh
application/x-debian-package    udeb
application/x-httpd-php         php
application/x-mobipocket-ebook  mobi prc
application/x-ndjson            ndjson jsonl
application/x-perl              pl pm
application/x-pkcs12            p12 pfx
application/x-redhat-package-manager rpm
application/x-rpm               drpm
application/x-sh                sh
application/x-subrip            srt
application/x-tar               tar
application/x-tex               tex
application/x-x509-ca-cert      crt der pem
application/x-xpinstall         xpi
application/x-xz                txz xz
application/xhtml+xml           xht xhtml
application/xml                 xml xsd xsl
application/xml-dtd             dtd
application/xslt+xml            xslt
application/yaml                yaml yml
application/zip                 zip
application/zstd                zst
audio/aac                       aac adts
audio/ac3                       ac3
audio/aiff                      aif aifc aiff
audio/amr                       amr
audio/basic                     au snd
audio/flac                      flac
audio/matroska                  mka
audio/midi                      kar mid midi rmi
audio/mp4                       m4a m4b mp4a
audio/mpeg                      m2a m3a mp2 mp2a mp3 mpga
audio/ogg                       oga ogg opus spx
audio/wav                       wav
audio/webm                      weba
audio/x-mpegurl                 m3u
audio/x-ms-wma                  wma
font/collection                 ttc
font/otf                        otf
font/ttf                        ttf
font/woff                       woff
font/woff2                      woff2
image/apng                      apng
image/avif                      avif avifs
image/bmp                       bmp
image/emf                       emf
image/gif                       gif
image/heic                      heic
image/heif                      heif
image/jp2                       jp2 jpg2
image/jpeg                      jfif jpe jpeg jpg pjp pjpeg
image/jxl                       jxl
image/ktx                       ktx
image/ktx2                      ktx2
image/png                       png
image/qoi                       qoi
image/svg+xml                   svg
image/tiff                      tif tiff
image/vnd.adobe.photoshop       psd
image/vnd.djvu                  djv djvu
image/vnd.microsoft.icon        cur ico
image/webp                      webp
image/wmf                       wmf
image/x-portable-anymap         pnm
image/x-portable-bitmap         pbm
image/x-portable-graymap        pgm
image/x-portable-pixmap         ppm
image/x-tga                     tga
image/x-xbitmap                 xbm
image/x-xpixmap                 xpm
message/rfc822                  eml mht mhtml
model/3mf                       3mf
model/gltf+json                 gltf
model/gltf-binary               glb
model/iges                      iges igs
model/mtl                       mtl
model/step                      step stp
model/stl                       stl
model/vnd.collada+xml           dae
model/vnd.usdz+zip              usdz
model/vrml                      vrml wrl
multipart/related               mhtm
text/cache-manifest             appcache manifest
text/calendar                   ics ifb
text/css                        css
text/csv                        csv
text/html                       htm html shtml
text/javascript                 cjs js mjs
text/markdown                   markdown md
text/n3                         n3
text/plain                      asc bat c cc cfg conf cpp cxx def diff go h hh hpp in ini java kt list log lua patch properties py
text/plain                      rb rs rst scala swift text tsx txt jsx vue
text/richtext                   rtx
text/sgml                       sgm sgml
text/tab-separated-values       tsv
text/troff                      man me ms roff t tr
text/turtle                     ttl
text/uri-list                   uri uris urls
text/vcard                      vcard vcf
text/vtt                        vtt
text/x-scss                     sass scss
text/x-less                     less
text/x-tcl                      tcl
video/3gpp                      3gp 3gpp
video/3gpp2                     3g2
video/iso.segment               m4s
video/matroska                  mkv
video/mp2t                      m2t m2ts mts ts
video/mp4                       m4v mp4 mpg4
video/mpeg                      m1v m2v mpa mpe mpeg mpg
video/ogg                       ogv
video/quicktime                 mov qt
video/webm                      webm
video/x-flv                     flv
video/x-ms-asf                  asf asx
video/x-ms-wmv                  wmv
video/x-msvideo                 avi
"""


def _by_ending() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _TABLE.split("\n"):
        kind, *endings = line.split() or [""]
        content_type = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
        for ending in endings:
            if ending in found:
                raise ValueError(f"the ending {ending!r} stands twice in the table of media types")
            found[ending] = content_type
    return found


BY_ENDING: Final = _by_ending()
"""Media type, with charset where it is text, by ending in lower case and without its dot."""

_COMPRESSED_ENDINGS: Final = """
7z apk apng avif azw bz2 cab djvu docx dotx epub gif gz heic heif jar jp2 jpg jxl kmz ktx2 mobi mpkg odc odf odg odp ods odt ogx
pkpass png potx ppsx pptx rar rpm torrent usdz webp woff woff2 xlsx xltx xpi xz zip zst
"""
# What is compressed already gains nothing by a coding around it.
_COMPRESSED: Final = frozenset(BY_ENDING[ending] for ending in _COMPRESSED_ENDINGS.split())


def media_type_of(name: str) -> str:
    """The media type of a file, by its name alone.

    Args:
        name: The file's name, or its path.
    """
    stem, _, ending = name.rpartition(".")
    # A name that only begins with a dot has no ending: ".profile"; nor has one whose dot is in a directory's name.
    return BY_ENDING.get(ending.lower(), OCTETS) if stem else OCTETS


def is_compressible(content_type: str) -> bool:
    """Whether content of this type can have a precompressed form: it is neither sound, moving pictures nor compressed already."""
    return not (content_type in _COMPRESSED or content_type.startswith(("audio/", "video/")))
