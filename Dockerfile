# One image for the worker, the portal and the command line, with the Python version of the tests.

FROM python:3.11-slim AS libraries
COPY requirements/main.txt /requirements.txt
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --no-deps --only-binary=:all: --require-hashes -r /requirements.txt

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home landbridge
COPY --from=libraries /venv /venv
WORKDIR /app
COPY . .
RUN /venv/bin/python -m compileall -q /app
ENV PATH="/venv/bin:$PATH" PYTHONUNBUFFERED=1
USER landbridge
# A container runs either the worker or the portal, so both can use the same port.
ENV LANDBRIDGE_HEALTH_ADDRESS=127.0.0.1:8081 LANDBRIDGE_PORTAL_HEALTH_ADDRESS=127.0.0.1:8081
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8081/readyz', timeout=3)"]
CMD ["python", "worker.py"]
