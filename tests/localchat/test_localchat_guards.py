"""A body that does not say how long it is cannot be longer than allowed either."""

from localchat.guards import BodyLimit


async def reading(scope, receive, send):
    size = 0
    while (message := await receive()).get("more_body"):
        size += len(message["body"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


async def status_of(parts):
    left = [*({"type": "http.request", "body": b"x" * one, "more_body": True} for one in parts)]
    sent = []

    async def receive():
        return left.pop(0) if left else {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    await BodyLimit(reading, most=10)({"type": "http", "headers": []}, receive, send)
    return sent[0]["status"]


async def test_a_body_is_counted_as_it_comes():
    assert await status_of([5, 5]) == 200
    assert await status_of([5, 5, 1, 1000]) == 413
