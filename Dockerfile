# Dockerfile: the application, nginx and the container runtime in one image. All run as one account without rights.
#
#     docker build --tag singularity-nginx .          then start it with compose.yaml, or by hand with the same options
#
# In: this repository. Out: an image that serves /data at port 8080. It never runs as root. It contains no package source
# and no secret of the machine that builds it. A running container writes only to /run/singularity-nginx and /tmp.

FROM rust:1-slim-bookworm AS build
WORKDIR /build
COPY . .
RUN scripts/build

FROM debian:bookworm-slim
# The id is fixed, so that a tmpfs can be given to the account by its id.
RUN groupadd --gid 990 singularity-nginx \
    && useradd --uid 990 --gid 990 --home-dir /var/lib/singularity-nginx --shell /usr/sbin/nologin singularity-nginx
COPY scripts/lib.sh scripts/install-runtime /tmp/scripts/
RUN apt-get -qq update \
    && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends nginx-light \
    && /tmp/scripts/install-runtime --only \
    && apt-get -qq purge -y patchelf && apt-get -qq autoremove -y \
    && rm -rf /tmp/scripts /var/lib/apt/lists/* /var/cache/apt/* /var/log/*.log /var/log/apt \
    && install -d -m 0750 -o singularity-nginx -g singularity-nginx /run/singularity-nginx \
    && install -d -m 0755 /data
COPY nginx/ /etc/nginx/singularity-nginx/
# The complete nginx for an ordinary user. It listens on every address of the container.
RUN mv /etc/nginx/singularity-nginx/nginx.conf /etc/nginx/nginx.conf \
    && rm /etc/nginx/singularity-nginx/listen-ipv6.conf \
    && sed -i 's|listen 127.0.0.1:8080|listen 8080|; s|include singularity-nginx/listen|include /run/singularity-nginx/listen|' \
        /etc/nginx/singularity-nginx/site.conf
COPY scripts/container /usr/local/bin/
COPY --from=build /build/target/release/singularity-nginx /usr/local/bin/

USER singularity-nginx
WORKDIR /run/singularity-nginx
ENV SINGULARITY_NGINX_DATA=/data SINGULARITY_NGINX_STATE=/run/singularity-nginx/state
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["container", "health"]
CMD ["container"]
