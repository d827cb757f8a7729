"""What the Python scripts of the SDK lanes share: the steps of steps.txt are run in their order, each in a time of its own."""
import asyncio
import pathlib

STEP_S_MAX = 60
TEXT = "".join(f"{number} Grüße, 漢字 und 🦀\n" for number in range(700))


def bearer(token):
    """Interceptors that give each call of a gRPC channel its token: one object for each kind, since one that is both would be
    taken for the first kind only."""
    import grpc  # not every SDK has it

    def with_token(details):
        return details._replace(metadata=[*(details.metadata or []), ("authorization", f"Bearer {token}")])

    class Unary(grpc.aio.UnaryUnaryClientInterceptor):
        async def intercept_unary_unary(self, continuation, details, request):
            return await continuation(with_token(details), request)

    class Stream(grpc.aio.UnaryStreamClientInterceptor):
        async def intercept_unary_stream(self, continuation, details, request):
            return await continuation(with_token(details), request)

    return [Unary(), Stream()]


async def run(steps, client, prefix, left_out):
    """All steps but those that are left out, by their names among `steps`; how many failed."""
    failed = 0
    for line in pathlib.Path(__file__).with_name("steps.txt").read_text().splitlines():
        name, _, promise = line.partition(" ")
        if name == "#" or name in left_out:
            continue
        try:
            await asyncio.wait_for(steps[name](client), STEP_S_MAX)
            print(f"ok   {prefix} {name}: {promise.strip()}", flush=True)
        except Exception as error:  # a step that fails in any way has failed, and the others still run
            failed += 1
            print(f"FAIL {prefix} {name}: {type(error).__name__}: {str(error)[:1000]}", flush=True)
    return failed
