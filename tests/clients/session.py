"""A session over the library `websockets`: what docs/protocol.md promises, checked from outside.

Usage: session.py URL OWNER VIEWER [CA]. The URL is ws:// or wss:// with the path; it prints `ok` at the end.
"""

import asyncio
import json
import ssl
import struct
import sys

import websockets

URL, OWNER, VIEWER = sys.argv[1:4]
TLS = ssl.create_default_context(cafile=sys.argv[4]) if len(sys.argv) > 4 else None
TIMEOUT = 30


class Session:
    """A connection that has said hello, with everything that came and was not asked for yet."""

    def __init__(self, socket):
        self.socket = socket
        self.next_id = 0
        self.seen = []

    async def receive(self):
        frame = await asyncio.wait_for(self.socket.recv(), TIMEOUT)
        return frame if isinstance(frame, bytes) else json.loads(frame)

    async def send(self, **message):
        await self.socket.send(json.dumps(message))

    async def until(self, wanted):
        """The first message for which `wanted` holds, of those in `seen` and those to come; the rest is kept."""
        for at, message in enumerate(self.seen):
            if wanted(message):
                return self.seen.pop(at)
        while True:
            message = await self.receive()
            if wanted(message):
                return message
            self.seen.append(message)

    async def ask(self, **message):
        self.next_id += 1
        await self.send(id=self.next_id, **message)
        id = self.next_id
        return await self.until(lambda m: isinstance(m, dict) and m.get("id") == id)

    async def eval(self, text, format="text"):
        return await self.ask(type="eval", text=text, format=format)

    def output(self, stream="out"):
        """What was printed so far; forgets it."""
        texts = [m["text"] for m in self.seen if m.get("type") == "output" and m["stream"] == stream]
        self.seen = [m for m in self.seen if m.get("type") != "output"]
        return "".join(texts)


async def connect(token=OWNER, join=None, **options):
    socket = await websockets.connect(f"{URL}?token={token}", ssl=TLS, max_size=None, **options)
    session = Session(socket)
    session.hello = await session.receive()
    message = {"type": "hello", "version": 1}
    if join is not None:
        message["join"] = join
    await session.send(**message)
    session.ready = await session.until(lambda m: m["type"] == "ready")
    return session


def check(condition, *what):
    if not condition:
        raise AssertionError(what)


async def refused(**options):
    """The status by which a handshake is refused."""
    url = options.pop("url", f"{URL}?token={OWNER}")
    try:
        async with websockets.connect(url, ssl=TLS, **options):
            return 101
    except websockets.exceptions.InvalidStatus as error:
        return error.response.status_code


async def closed(session):
    """How the server closes."""
    try:
        while True:
            await session.receive()
    except websockets.exceptions.ConnectionClosed as error:
        return (error.rcvd.code, error.rcvd.reason) if error.rcvd else (None, "")


async def evaluating():
    session = await connect()
    check(session.hello["version"] == 1 and session.hello["role"] == "owner", session.hello)
    check(session.ready["session"] > 0 and session.ready["joined"] is False, session.ready)
    answer = await session.eval("2+3")
    check(answer == {"type": "result", "id": 1, "status": "done", "text": "5\n"}, answer)
    check((await session.eval("+/1+!100", "json"))["value"] == 5050)
    check((await session.eval("[a:1;b:\"xy\"]", "json"))["value"] == {"a": 1, "b": "xy"})
    check((await session.eval("([a;b]1 2;3 4)", "json"))["value"] == [{"a": 1, "b": 3}, {"a": 2, "b": 4}])
    check((await session.eval("x:7;", "json"))["value"] is None)
    check((await session.eval("x:7;"))["text"] == "")
    check((await session.eval("f:{x+1"))["status"] == "incomplete")
    check((await session.eval("};"))["status"] == "done")
    check((await session.eval("f 1"))["text"] == "2\n")
    check((await session.eval("print \"h\u00e9\";3"))["text"] == "3\n")
    check(session.output() == "h\u00e9\n")

    answer = await session.eval("10 20 30", "binary")
    check(answer["binary"] is True, answer)
    frame = await session.receive()
    check(frame == struct.pack("<Q3q", 5 | 3 << 8, 10, 20, 30) or frame[-24:] == struct.pack("<3q", 10, 20, 30), frame)

    error = await session.eval("1;\n 2+`a")
    check(error["type"] == "error" and error["class"] == "type", error)
    check((error["line"], error["column"], error["source"]) == (2, 3, " 2+`a"), error)
    check(error["text"].splitlines()[-1].strip() == "^", error)
    await session.eval("g:{1+`b};")
    error = await session.eval("g 1")
    check([call["name"] for call in error["stack"]] == ["g"], error)
    check((await session.eval("x"))["text"] == "7\n", "the session goes on")
    await session.socket.close()


async def sessions_are_apart():
    one, two, joined = await connect(), await connect(), await connect(join=True)
    await one.eval("apart:1;")
    error = await two.eval("apart")
    check(error["class"] == "name", error)
    check(joined.ready["joined"] is True, joined.ready)
    both = await connect(join=True)
    await joined.eval("shared:42;")
    check((await both.eval("shared"))["text"] == "42\n")
    # The kernel is the same for all.
    number = (await one.eval("pub[0;4096]", "json"))["value"]
    tasks = await two.ask(type="view", of="rings")
    check(any(row.get("ring", row.get("id")) == number for row in tasks["value"]), tasks)
    # What the console's session prints is seen by all who joined it, and by no others.
    await joined.eval("print \"to all\";")
    await both.until(lambda m: m["type"] == "output" and "to all" in m["text"])
    await two.ask(type="ping")
    check("to all" not in two.output())
    for session in (one, two, joined, both):
        await session.socket.close()


async def output_of_tasks():
    session = await connect()
    await session.eval("spawn[0;\"print 6*7\"];")
    message = await session.until(lambda m: m["type"] == "output")
    check(message["text"] == "42\n", message)
    # Much output is held back, not lost.
    result = await session.eval("{print x;x+1}/[2000;0]")
    lines = session.output().split()
    check(lines == [str(n) for n in range(2000)], len(lines), result)
    await session.socket.close()


async def rings():
    session = await connect()
    ring = (await session.eval("p:pub[0;65536]", "json"))["value"]
    answer = await session.ask(type="subscribe", ring=ring)
    check(answer["type"] == "subscribed" and answer["ring"] == ring, answer)
    id = answer["id"]
    await session.eval("snd[p;1 2 3];")
    data = await session.until(lambda m: m.get("type") == "data")
    check((data["id"], data["ring"], data["value"], data["missed"]) == (id, ring, [1, 2, 3], 0), data)
    # A fast ring does not flood the client.
    answer = await session.ask(type="subscribe", ring=ring, rate=50, format="binary")
    slow = answer["id"]
    await session.eval("{snd[p;!1000];x+1}/[2000;0];")
    await session.send(type="unsubscribe", id=id)
    end = await session.until(lambda m: isinstance(m, dict) and m.get("type") == "end")
    check((end["id"], end["reason"]) == (id, "unsubscribed"), end)
    header = await session.until(lambda m: isinstance(m, dict) and m.get("id") == slow and m["type"] == "data")
    check(header["binary"] is True, header)
    await session.send(type="unsubscribe", id=slow)
    await session.until(lambda m: isinstance(m, dict) and m.get("type") == "end" and m["id"] == slow)
    received = sum(1 for m in session.seen if isinstance(m, dict) and m.get("type") == "data")
    check(received < 2000, received)
    for ring in (999999, -1):
        answer = await session.ask(type="subscribe", ring=ring)
        check(answer["type"] == "error" and answer["message"], answer)
    await session.socket.close()


async def interrupting():
    session = await connect()
    await session.send(type="eval", id=100, text="{x+1}/0")
    await asyncio.sleep(0.3)
    await session.send(type="interrupt")
    error = await session.until(lambda m: m.get("id") == 100)
    check(error["class"] == "interrupt", error)
    await session.send(type="eval", id=101, text="rcv sub[0;pub[0;4096]]")
    await asyncio.sleep(0.3)
    await session.send(type="interrupt")
    error = await session.until(lambda m: m.get("id") == 101)
    check(error["class"] == "interrupt", error)
    check((await session.eval("1+1"))["text"] == "2\n")
    await session.socket.close()


async def viewing():
    viewer = await connect(VIEWER)
    check(viewer.hello["role"] == "viewer" and viewer.ready["joined"] is True, viewer.ready)
    for message in ({"type": "eval", "text": "halt[]"}, {"type": "eval", "text": "1"}):
        answer = await viewer.ask(**message)
        check(answer["type"] == "error" and "viewer" in answer["message"], answer)
    await viewer.send(type="interrupt")
    answer = await viewer.until(lambda m: m["type"] == "error")
    check("viewer" in answer["message"], answer)
    rows = (await viewer.ask(type="view", of="tasks"))["value"]
    check(any(row["name"] == "shell" for row in rows), rows)
    for of in ("rings", "cores", "modules"):
        check(isinstance((await viewer.ask(type="view", of=of))["value"], list))
    await viewer.socket.close()


async def wrong_messages():
    session = await connect()
    for text in ("", "{", "[]", "7", '{"type":"eval"}', '{"type":"nothing","id":5}', '{"type":"hello","version":1}'):
        await session.socket.send(text)
        answer = await session.until(lambda m: m["type"] == "error")
        check(answer["message"], answer)
    check((await session.ask(type="eval", text="1", format="xml"))["type"] == "error")
    # Many inputs at once are evaluated in turn, and too many are refused.
    await session.send(type="eval", id=1000, text="{x+1}/[300000;0]")
    for number in range(200):
        await session.send(type="eval", id=2000 + number, text=str(number))
    answers = [await session.until(lambda m: m.get("id", 0) >= 2000) for _ in range(200)]
    done = [m for m in answers if m["type"] == "result"]
    check([m["text"] for m in done] == [f"{m['id'] - 2000}\n" for m in done], done)
    check(0 < len(done) < 200 and len(done) + sum(m["type"] == "error" for m in answers) == 200, len(done))
    await session.socket.close()

    # A hello is expected first, of a version that is spoken.
    for first in ('{"type":"eval","id":1,"text":"1"}', '{"type":"hello","version":2}', "x"):
        socket = await websockets.connect(f"{URL}?token={OWNER}", ssl=TLS)
        session = Session(socket)
        await session.receive()
        await socket.send(first)
        code, reason = await closed(session)
        check(code == 4000 and reason, code, reason)

    session = await connect()
    await session.socket.send(b"bytes")
    check((await closed(session))[0] == 1003)
    session = await connect()
    await session.socket.send("x" * (5 << 20))
    check((await closed(session))[0] == 1009)
    # Fragments are put together, also around a control frame.
    session = await connect()
    await session.socket.send(['{"type":"eval",', '"id":9,', '"text":"4*4"}'])
    answer = await session.until(lambda m: m.get("id") == 9)
    check(answer["text"] == "16\n", answer)
    await session.socket.close()


async def ends():
    session = await connect()
    number = session.ready["session"]
    await session.send(type="eval", id=1, text="\\\\")
    ended = await session.until(lambda m: m["type"] == "ended")
    check(ended["reason"] == "left", ended)
    check((await closed(session))[0] == 4001)
    # The session's task has ended with it, and others are told when theirs is killed.
    killer, victim = await connect(), await connect()
    rows = (await killer.ask(type="view", of="tasks"))["value"]
    alive = [row for row in rows if row.get("task", row.get("id")) == number and row.get("state") not in ("ended", None)]
    check(not alive, alive)
    await killer.eval(f"kill {victim.ready['session']}")
    ended = await victim.until(lambda m: m["type"] == "ended")
    check("killed" in ended["reason"], ended)
    check((await closed(victim))[0] == 4001)
    await killer.socket.close()


async def a_large_result():
    session = await connect()
    value = (await session.eval("!200000", "json"))["value"]
    check(value == list(range(200000)), len(value))
    answer = await session.eval("!1000000", "binary")
    check(answer.get("binary") is True, answer)
    frame = await session.receive()
    check(len(frame) >= 8000000, len(frame))
    error = await session.eval("!20000000", "binary")
    check(error["class"] == "limit", error)
    check((await session.eval("1"))["text"] == "1\n")
    await session.socket.close()


async def access():
    check(await refused(url=URL) == 401)
    check(await refused(url=f"{URL}?token={'0' * 64}") == 401)
    check(await refused(origin="http://evil.test") == 403)
    check(await refused(additional_headers={"Host": "evil.test"}) in (403, 400))
    check(await refused(url=f"{URL}x?token={OWNER}") == 404)


TESTS = [
    access, evaluating, sessions_are_apart, output_of_tasks, rings, interrupting, viewing,
    wrong_messages, ends, a_large_result,
]


async def main():
    chosen = sys.argv[5:]
    for test in TESTS:
        if chosen and test.__name__ not in chosen:
            continue
        try:
            await asyncio.wait_for(test(), 120)
        except BaseException:
            print(f"{test.__name__}:", file=sys.stderr)
            raise
    print("ok")


asyncio.run(main())
