# One image for the worker, the portal and the command line; on the Python that the tests run on.

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
CMD ["python", "worker.py"]
