"""A client that breaks every rule, on raw sockets: the kernel must answer in order and go on.

Usage: fuzz.py HOST PORT OWNER SEED. Prints `ok` at the end. Only the standard library is used.
"""

import os
import random
import socket
import struct
import sys
import time

HOST, PORT, TOKEN, SEED = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
random.seed(SEED)
TIMEOUT = 20
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def check(condition, *what):
    if not condition:
        raise AssertionError(what)


def dial():
    return socket.create_connection((HOST, PORT), timeout=TIMEOUT)


def handshake(token=TOKEN, key=KEY):
    return (
        f"GET /ws?token={token} HTTP/1.1\r\nHost: {HOST}:{PORT}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


def exactly(sock, count):
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise EOFError(data)
        data += piece
    return data


def upgraded(early=b""):
    """A connection whose handshake is done; `early` is sent in the same packet."""
    sock = dial()
    sock.sendall(handshake() + early)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += exactly(sock, 1)
    check(head.startswith(b"HTTP/1.1 101 "), head)
    check(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, head)
    return sock


def frame(payload, opcode=1, fin=True, masked=True, rsv=0, length=None):
    length = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    mask_bit = 0x80 if masked else 0
    if length < 126:
        head += bytes([mask_bit | length])
    elif length < 65536:
        head += bytes([mask_bit | 126]) + struct.pack(">H", length)
    else:
        head += bytes([mask_bit | 127]) + struct.pack(">Q", length)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def read_frame(sock):
    first, second = exactly(sock, 2)
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack(">H", exactly(sock, 2))
    elif length == 127:
        (length,) = struct.unpack(">Q", exactly(sock, 8))
    check(second & 0x80 == 0, "a server does not mask")
    return first & 0x0F, exactly(sock, length)


def read_until(sock, wanted):
    """Reads frames until one holds `wanted`."""
    while True:
        opcode, payload = read_frame(sock)
        check(opcode != 8, "closed", payload)
        if wanted in payload:
            return payload


HELLO = frame(b'{"type":"hello","version":1}')


def session():
    sock = upgraded(HELLO)
    read_until(sock, b'"ready"')
    return sock


def close_code(sock):
    """The code by which the server closes; 0 when it just goes."""
    try:
        while True:
            opcode, payload = read_frame(sock)
            if opcode == 8:
                return struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
    except (EOFError, ConnectionError):
        return 0


def goes_on():
    """A well-behaved client is still served."""
    sock = session()
    sock.sendall(frame(b'{"type":"eval","id":1,"text":"6*7"}'))
    read_until(sock, b'"text":"42\\n"')
    sock.close()


def broken_frames():
    cases = [
        ("not masked", frame(b"x", masked=False), 1002),
        ("reserved bits", frame(b"x", rsv=3), 1002),
        ("reserved opcode", frame(b"x", opcode=3), 1002),
        ("reserved control opcode", frame(b"x", opcode=11), 1002),
        ("a ping in fragments", frame(b"x", opcode=9, fin=False), 1002),
        ("a long ping", frame(b"x" * 126, opcode=9), 1002),
        ("a continuation of nothing", frame(b"x", opcode=0), 1002),
        ("two beginnings", frame(b"x", fin=False) + frame(b"y"), 1002),
        ("a close of one byte", frame(b"x", opcode=8), 1002),
        ("invalid UTF-8", frame(b"\xff\xfe"), 1007),
        ("UTF-8 that ends early", frame(b"\xe2\x82"), 1007),
        ("UTF-8 broken over fragments", frame(b"\xe2", fin=False) + frame(b"x", opcode=0), 1007),
        ("a frame that is too long", frame(b"", length=1 << 40), 1009),
        ("the longest length", frame(b"", length=(1 << 64) - 1), 1009),
        ("binary", frame(b"x", opcode=2), 1003),
    ]
    for name, data, code in cases:
        for begin in (session, lambda: upgraded(HELLO)):
            sock = begin()
            sock.sendall(data)
            got = close_code(sock)
            check(got in (code, 1002), name, got)
            sock.close()
    # A message that grows without an end, fragment by fragment.
    sock = session()
    piece = b"x" * 65536
    try:
        sock.sendall(frame(piece, fin=False))
        for _ in range(100):
            sock.sendall(frame(piece, opcode=0, fin=False))
    except ConnectionError:
        pass
    check(close_code(sock) in (1009, 0))
    sock.close()


def fragments():
    sock = session()
    text = '{"type":"eval","id":3,"text":"print \\"\u00e9\u20ac\\";11"}'.encode()
    sock.sendall(frame(text[:1], fin=False))
    for byte in text[1:-1]:
        sock.sendall(frame(bytes([byte]), opcode=0, fin=False) + frame(b"p", opcode=9))
    sock.sendall(frame(text[-1:], opcode=0))
    read_until(sock, b'"text":"11\\n"')
    # Byte by byte.
    for byte in frame(b'{"type":"eval","id":4,"text":"12"}'):
        sock.sendall(bytes([byte]))
    read_until(sock, b'"text":"12\\n"')
    # Many in one packet.
    sock.sendall(b"".join(frame(b'{"type":"ping","id":%d}' % n) for n in range(500)))
    for n in range(500):
        read_until(sock, b'"pong"')
    sock.close()


def heads():
    """Requests that are none."""
    for data in (
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: " + b"a" * 70000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
        os.urandom(200) + b"\r\n\r\n",
        handshake().replace(b"13", b"12"),
        handshake(key="short"),
        handshake(token="0" * 64),
        handshake().replace(b"GET", b"POST"),
    ):
        sock = dial()
        answer = b""
        try:
            sock.sendall(data)
            while piece := sock.recv(4096):
                answer += piece
        except (ConnectionError, TimeoutError):
            pass
        check(not answer or answer[9:12] in (b"400", b"401", b"403", b"404", b"405", b"429", b"431"), data[:60], answer)
        check(b"101 Switching" not in answer, data)
        sock.close()


def replayed():
    """A handshake that is sent again in the middle of a session is no handshake, and one that is sent
    again on a connection of its own makes a session of its own."""
    sock = session()
    sock.sendall(handshake())
    check(close_code(sock) in (1002, 1007, 1009, 0))
    sock.close()
    one, two = upgraded(HELLO), upgraded(HELLO)
    sessions = {read_until(one, b'"ready"'), read_until(two, b'"ready"')}
    check(len(sessions) == 2, sessions)
    one.close()
    two.close()


def half_open():
    """Clients that go without a word, or of which one half goes."""
    sock = session()
    sock.shutdown(socket.SHUT_WR)
    check(close_code(sock) == 0)
    sock.close()
    for begin in (dial, upgraded, session):
        sock = begin()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


def slow():
    """A client that asks for much and reads nothing holds nobody up."""
    sock = session()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.sendall(frame(b'{"type":"eval","id":1,"text":"{print !1000;x+1}/[100000;0]"}'))
    for _ in range(20):
        goes_on()
    sock.close()


def storm():
    """1,000 connections that open and die at any point."""
    stages = [b"", b"GET /", handshake()[:-2], handshake(), handshake() + HELLO,
              handshake() + HELLO + frame(b'{"type":"eval","id":1,"text":"{x+1}/0"}'),
              handshake() + HELLO + frame(b"half of a frame")[:7]]
    alive = []
    for number in range(1000):
        try:
            sock = dial()
            sock.sendall(random.choice(stages))
            alive.append(sock)
        except OSError:
            pass
        while len(alive) > random.randrange(1, 100):
            sock = alive.pop(random.randrange(len(alive)))
            if random.random() < 0.5:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
    for sock in alive:
        sock.close()


def garbage():
    """Random bytes in place of frames."""
    for _ in range(50):
        sock = upgraded(random.choice([b"", HELLO]))
        try:
            sock.sendall(os.urandom(random.randrange(1, 3000)))
        except ConnectionError:
            pass
        sock.close()
    # And random JSON.
    sock = session()
    for _ in range(200):
        words = ["type", "eval", "id", "text", "ring", "subscribe", "view", "of", "rate", "x"]
        value = lambda: random.choice([random.choice(words), random.randrange(-5, 5), None, [], {}, 1e300, True])
        pairs = [f'"{random.choice(words)}":{__import__("json").dumps(value())}' for _ in range(4)]
        sock.sendall(frame(("{" + ",".join(pairs) + "}").encode()))
    sock.sendall(frame(b'{"type":"ping","id":77}'))
    read_until(sock, b'{"id":77,"type":"pong"}')
    sock.close()


for test in (goes_on, heads, broken_frames, fragments, replayed, half_open, slow, garbage, storm):
    started = time.time()
    try:
        test()
        goes_on()
    except BaseException:
        print(f"{test.__name__}:", file=sys.stderr)
        raise
    print(f"{test.__name__} {time.time() - started:.1f} s", file=sys.stderr)
print("ok")
