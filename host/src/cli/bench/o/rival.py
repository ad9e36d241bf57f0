# The programs of `okernel bench o` for CPython. A line on stdin names one; the answer is the
# nanoseconds that it took and a number that its result is checked by.
import collections, platform, sys, time

sys.setrecursionlimit(10000)
N = 1000000
v = list(range(N))
w = [x * (x * x + 7919) % 1000003 for x in v]
m = [x % 100 for x in w]
e = [x % 1000 * 0.5 for x in w]
u = list(range(1, 1001))

def fib(x):
    return x if x < 2 else fib(x - 1) + fib(x - 2)

def ack(x, y):
    return y + 1 if x == 0 else ack(x - 1, 1) if y == 0 else ack(x - 1, ack(x, y - 1))

def repeat():
    x, f = 0, lambda x: x + 1
    for _ in range(N):
        x = f(x)
    return x

def loop():
    x, f, p = 0, lambda x: x + 1, lambda x: x < N
    while p(x):
        x = f(x)
    return x

def group():
    groups = collections.defaultdict(list)
    for at, x in enumerate(m):
        groups[x].append(at)
    return groups

def itself(r):
    return r

PROGRAMS = {
    "fib": (lambda: fib(25), itself),
    "ack": (lambda: ack(3, 6), itself),
    "repeat": (repeat, itself),
    "while": (loop, itself),
    "sum": (lambda: sum(w), itself),
    "add": (lambda: [x + y for x, y in zip(v, w)], sum),
    "multiply": (lambda: [x * y for x, y in zip(v, w)], sum),
    "squares": (lambda: sum(x * x for x in e), lambda r: int(4 * r)),
    "grade": (lambda: sorted(range(N), key=w.__getitem__), lambda r: sum(x * y for x, y in zip(v, r))),
    "unique": (lambda: list(dict.fromkeys(m)), lambda r: sum((1 + at) * x for at, x in enumerate(r))),
    "group": (group, lambda r: sum((1 + at) * sum(x) for at, x in enumerate(r.values()))),
    "table": (lambda: [[y % x for y in u] for x in u], lambda r: sum(map(sum, r))),
}

print("CPython", platform.python_version(), flush=True)
for line in sys.stdin:
    program, check = PROGRAMS[line.strip()]
    began = time.perf_counter_ns()
    result = program()
    print(time.perf_counter_ns() - began, check(result), flush=True)
