# One image for every hop: `undertone ingest|infer|aggregate|...` is the command.
FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY models ./models
COPY services ./services
RUN python -m venv /opt/undertone \
 && /opt/undertone/bin/pip install --no-cache-dir .

FROM python:3.12-slim-bookworm
RUN useradd --create-home --uid 10001 undertone \
 && install -d -o undertone /var/lib/undertone
COPY --from=build /opt/undertone /opt/undertone
ENV PATH=/opt/undertone/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    UNDERTONE_DATA_DIR=/var/lib/undertone
USER undertone
WORKDIR /home/undertone
# Exec form, so that SIGTERM reaches the worker and it drains, commits and leaves the group.
ENTRYPOINT ["undertone"]
CMD ["--help"]
