"""The lab: a small world of network namespaces with the real daemon on its gateway.

`world` builds client, gateway, server and a far host; `daemon` runs firewalld-py on the gateway;
`traffic`, `servers` and `capture` send, serve and watch real packets; `demo` is what `make run`
shows.
"""
