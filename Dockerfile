# The desk as an image. With BuildKit, which Docker has by default: docker build -t partner-desk .

# The same release of Rust as in rust-toolchain.toml, and the same Debian as below, so that the C library fits.
FROM rust:1.95.0-slim-trixie AS build
WORKDIR /build
COPY . .
# What was built before is found again, and the registry's files need not be fetched twice. `--locked`: exactly the tested dependencies.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin partner-desk \
 && install -D target/release/partner-desk /out/partner-desk

# Debian's small image rather than one without a shell: operators look after the desk in it (`partner import`, `backup`), and `fly ssh console`
# needs a shell. Nothing is installed into it: the binary is linked to the C library alone, and brings time zones and SQLite.
FROM debian:trixie-slim
# Chats are asked over TLS, and whom to trust is the system's to say.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/partner-desk /usr/local/bin/partner-desk
# By number, so that a cluster sees that it is not root, and always the same, since the files of the volume belong to it.
RUN groupadd --system --gid 10001 desk \
 && useradd --system --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin desk \
 && install -d -o 10001 -g 10001 -m 0700 /data
USER 10001:10001
WORKDIR /data
# The database, and partner-desk.toml where there is one. A local disk, never a network share.
VOLUME /data
# PUBLIC_URL, where GitHub and people reach the desk, is for whoever runs it to say: `-e PUBLIC_URL=https://desk.example.com`. Without it the
# link to the set-up page is one for this container alone, and pings have none.
ENV DATABASE_URL=sqlite:///data/partner-desk.db HOST=0.0.0.0 PORT=3000
EXPOSE 3000
STOPSIGNAL SIGTERM
# That it lives. A database in trouble is told by /readyz, and a restart would not mend it.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["partner-desk", "healthcheck"]
ENTRYPOINT ["partner-desk"]
CMD ["serve"]
