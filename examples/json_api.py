"""A JSON interface: a Struct (or a dataclass) is the body, both ways. What does not fit is refused with RFC 9457 details.

curl -X POST http://127.0.0.1:8080/orders -H "Content-Type: application/json" -d '{"item": "tea", "amount": 2}'
"""

from typing import Annotated

from msgspec import Meta, Struct, structs

from hospes import App, Headers, HttpError

app = App()


class Order(Struct):
    item: Annotated[str, Meta(min_length=1, max_length=40)]
    amount: Annotated[int, Meta(ge=1, le=100)] = 1


class Stored(Order, kw_only=True):
    id: int


orders: dict[int, Stored] = {}


@app.post("/orders", status=201)
async def create(order: Order) -> tuple[Headers, Stored]:
    stored = Stored(id=len(orders) + 1, **structs.asdict(order))
    orders[stored.id] = stored
    return Headers({"Location": f"/orders/{stored.id}"}), stored


@app.get("/orders")
async def listed(at_least: int = 1) -> list[Stored]:
    return [order for order in orders.values() if order.amount >= at_least]


@app.get("/orders/{id:int}")
async def one(id: int) -> Stored:
    if id not in orders:
        raise HttpError(404, f"There is no order {id}")
    return orders[id]


@app.delete("/orders/{id:int}")
async def cancel(id: int) -> int:
    orders.pop(id, None)
    return 204


if __name__ == "__main__":
    app.run()
