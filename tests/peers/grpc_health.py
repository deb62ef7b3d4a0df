"""A gRPC server with the standard health service. Arguments: a port of 127.0.0.1, what it answers.

The messages are the octets themselves, so that no generated code is needed: field 1 of the answer
is 1 for SERVING, 2 for NOT_SERVING. The service `shop.Basket` is known and serves, others are not.
"""

import concurrent.futures
import sys

import grpc

KNOWN = b"\x0a\x0bshop.Basket"


def main(port, status):
    def check(request, context):
        if request == KNOWN:
            return b"\x08\x01"
        if request:
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return bytes([8, int(status)])

    handler = grpc.unary_unary_rpc_method_handler(check)
    service = grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler})
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=2))
    server.add_generic_rpc_handlers((service,))
    if not server.add_insecure_port(f"127.0.0.1:{port}"):
        sys.exit("the port is in use")
    server.start()
    server.wait_for_termination()


main(*sys.argv[1:])
