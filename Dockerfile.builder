# The image in which CI builds functions: slsc and its toolchains for both architectures, and a user without rights.
#
#   slsc build -f Dockerfile.builder -t builder .
#
# In it `slsc build` and `slsc package` need no network: musl for the other architecture is there already.

FROM debian:bookworm-slim AS build
RUN --mount=type=bind,source=scripts/packages,target=/tmp/packages \
	apt-get update -q \
	&& apt-get install -y -q --no-install-recommends $(sed -n 's/^build //p' /tmp/packages) \
	&& rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/ldconfig
WORKDIR /src
COPY . .
RUN cmake --preset release -DBUILD_TESTING=OFF \
	&& cmake --build --preset release \
	&& DESTDIR=/out cmake --install build/release --prefix /usr/local --strip

FROM debian:bookworm-slim AS builder
RUN --mount=type=bind,source=scripts/packages,target=/tmp/packages \
	apt-get update -q \
	&& case $(dpkg --print-architecture) in \
		amd64) cross="gcc-aarch64-linux-gnu libc6-dev-arm64-cross" ;; \
		arm64) cross="gcc-x86-64-linux-gnu libc6-dev-amd64-cross" ;; \
	esac \
	&& apt-get install -y -q --no-install-recommends $cross $(sed -n 's/^run //p; s/^image //p' /tmp/packages) \
	&& rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/ldconfig \
	&& useradd --uid 65532 --create-home nonroot
COPY --from=build /out/usr/local /usr/local
USER nonroot
# whatever HOME a runner sets
ENV SLSC_CACHE_DIR=/home/nonroot/.cache/slsc
WORKDIR /home/nonroot/work
# musl for the other architecture; and it shows that the toolchains work
RUN slsc doctor
CMD ["slsc", "help"]
