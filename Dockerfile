# Two stages: the first has the compiler, the second has the program and nothing that was added to
# Debian but it. Only features of the classic builder are used (no cache mounts, no heredocs), so
# that `docker build`, `podman build` and `kaniko` all take this file.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
ENV CARGO_INCREMENTAL=0

# The dependencies in a layer of their own, built against an empty program: a change of our source
# leaves this layer as it is, and only a change of Cargo.toml or Cargo.lock builds it again.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked --bin tiovivo \
    && rm -rf src

# COPY keeps the files' times, which may be older than the empty program's: cargo looks at times.
COPY . .
RUN touch src/main.rs src/lib.rs \
    && cargo build --release --locked --bin tiovivo \
    && strip --strip-debug -o /tiovivo target/release/tiovivo \
    && mkdir /state

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="tiovivo" \
      org.opencontainers.image.description="Authoritative round-robin DNS server that answers with the nodes that are alive" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.base.name="debian:bookworm-slim"

# For checks over TLS that name the system's list as `ca_file`; the slim image has none of its own.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /tiovivo /usr/local/bin/tiovivo
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/tiovivo/
# The kept state is the only thing that is ever written: `--read-only` works, with this volume or
# with a tmpfs of the same owner in its place.
COPY --from=build --chown=10053:10053 /state /var/lib/tiovivo
VOLUME /var/lib/tiovivo

# A number, so that an orchestrator can see that it is not root. Port 53 needs no capability:
# Docker (since 20.10) sets net.ipv4.ip_unprivileged_port_start=0 inside a container; elsewhere set
# that sysctl, or listen on a high port and publish it as 53.
USER 10053:10053
EXPOSE 53/udp 53/tcp 8053/tcp

# No shell is asked for anything: the program is the entry point and its own health check.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
    CMD ["/usr/local/bin/tiovivo", "health", "--config", "/etc/tiovivo/config.yaml"]
ENTRYPOINT ["/usr/local/bin/tiovivo"]
CMD ["serve", "--config", "/etc/tiovivo/config.yaml"]
