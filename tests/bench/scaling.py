# SPDX-License-Identifier: Apache-2.0
"""A load of 60 s against slsc local with scaling, and the same load simulated: p99 and instances of both. A part of
bench.py. The requests are the same to the microsecond; what each takes is drawn anew, as slsc bench has measured it."""

import asyncio
import json
import os
import random
import time

import local

# 20 to 60 ms of waiting, 2 ms of CPU time: of the CPU that comes with 512 MB 16 %, when it is busy.
FUNCTION = """#include <slsc.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
slsc_lambda_fn handler;
static long cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	static unsigned short seed[3];
	long end = cpu_us() + 2000;
	struct timespec t = { 0, 0 };
	(void)ctx;
	if (!seed[0])
		seed[0] = (unsigned short)getpid();
	while (cpu_us() < end)
		;
	t.tv_nsec = 20000000 + (long)(erand48(seed) * 40000000);
	nanosleep(&t, NULL);
	slsc_put(out, in.ptr, in.len);
	return 0;
}
"""
BASE, PEAK, LEAST, MOST = 10, 80, 3, 20
AGREE = 0.2
# what slsc.yaml says of it, and slsc scale simulate
POLICIES = {
    "fixed": ("policy: fixed, fixed: 8", ["--policy", "fixed", "--fixed", "8"]),
    "cpu": ("policy: cpu, target: 10 %, cpu_period: 2 s, cooldown: 10 s",
            ["--policy", "cpu", "--target", "10", "--cpu-period", "2s", "--cooldown", "10s"]),
    "forecast ar": ("policy: forecast, forecaster: ar, cooldown: 10 s",
                    ["--policy", "forecast", "--forecaster", "ar", "--cooldown", "10s"]),
    "forecast holt-winters": ("policy: forecast, forecaster: holt-winters, cooldown: 10 s",
                              ["--policy", "forecast", "--forecaster", "holt-winters", "--cooldown", "10s"]),
}


def arrivals():
    """15 s of the base rate, 15 s up to the peak, 15 s of it, 15 s of the base rate: a Poisson process, thinned."""
    chance, t, times = random.Random(1), 0.0, []
    while True:
        t += chance.expovariate(PEAK)
        if t >= 60:
            return times
        rate = (BASE, BASE + (PEAK - BASE) * (t - 15) / 15, PEAK, BASE)[int(t / 15)]
        if chance.random() * PEAK < rate:
            times.append(t)


class Load:
    """All requests at their times, however long others take, and how many instances there are meanwhile."""

    def __init__(self, port):
        self.port, self.free, self.took, self.failed = port, [], [], 0
        self.peak, self.instance_seconds = 0, 0.0

    async def ask(self, request):
        reader, writer = self.free.pop() if self.free else await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        body = await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r")[0]))
        self.free.append((reader, writer))
        return head, body

    async def call(self, due):
        await asyncio.sleep(due - time.monotonic())
        head, _ = await self.ask(b"POST /2015-03-31/functions/shop/invocations HTTP/1.1\r\nHost: localhost\r\n"
                                 b"Content-Length: 2\r\n\r\n{}")
        self.took.append(time.monotonic() - due)
        self.failed += b" 200 " not in head.split(b"\r\n")[0] + b" " or b"x-amz-function-error" in head

    async def instances(self):
        _, body = await self.ask(b"GET /_slsc/state HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return sum(i["state"] != "ending" for i in json.loads(body)["instances"])

    async def watch(self, begun):
        last = begun
        while True:
            n = await self.instances()
            now = time.monotonic()
            self.peak = max(self.peak, n)
            self.instance_seconds += n * (now - last)
            last = now
            await asyncio.sleep(0.2)

    async def run(self, times):
        while await self.instances() < LEAST:
            await asyncio.sleep(0.05)
        begun = time.monotonic()
        watch = asyncio.create_task(self.watch(begun))
        await asyncio.gather(*(self.call(begun + t) for t in times))
        await asyncio.sleep(begun + 60 - time.monotonic())
        watch.cancel()
        self.took.sort()

    @property
    def p99(self):
        return self.took[int(len(self.took) * 0.99)] * 1000


def off(live, simulated):
    return abs(live - simulated) / simulated


def bench(b, tmp, slsc):
    b.section("Scaling, live and simulated")
    times = arrivals()
    trace, measured = os.path.join(tmp, "times.csv"), os.path.join(tmp, "shop.json")
    with open(trace, "w", encoding="utf-8") as f:
        f.write("seconds\n" + "".join(f"{t:.6f}\n" for t in times))
    for name, (yaml, options) in POLICIES.items():
        functions = {"shop": ["memory: 512 MB", f"concurrency: {MOST}", f"scaling: {{{yaml}, min: {LEAST}}}"]}

        def measure(d):
            """Right before: a machine is not as fast at all times. The load then begins with the policy."""
            with open(measured, "w", encoding="utf-8") as f:
                f.write(b.sh(d, slsc, "bench", "shop", "--json", "--cold", "50", "--rate", "40"))

        with local.Local(b, tmp, slsc, functions, source=FUNCTION, before=measure) as served:
            load = Load(served.port)
            asyncio.run(load.run(times))
        row, = json.loads(b.sh(tmp, slsc, "scale", "simulate", "--trace", trace, "--bench", measured, "--json", "--min",
                               str(LEAST), "--max", str(MOST), *options))["policies"]
        if load.failed or row["refused"]:
            raise SystemExit(f"bench: {name}: {load.failed} calls failed, {row['refused']} are refused when simulated")
        p99, seconds = row["latency"]["p99"] / 1e6, row["instance_seconds"]
        for what, live, simulated, form in (("p99", load.p99, p99, "{:.1f} ms"),
                                            ("most instances", load.peak, row["peak_instances"], "{}"),
                                            ("instances × time", load.instance_seconds, seconds, "{:.0f} s")):
            b.row(f"{name}: {what}, {len(times):,} calls in 60 s", form.format(live), "simulated " +
                  form.format(simulated), f"{live / simulated:.2f}×", "within 20 %", off(live, simulated) <= AGREE)
