"""An object store on this machine: moto's S3 server on loopback, with one bucket.

with s3_server("footage") as uri: ...
"""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
import s3fs
from moto.server import ThreadedMotoServer


@contextmanager
def s3_server(bucket: str) -> Iterator[str]:
    """The URI of an empty bucket, with an environment that leads to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # What servers hold belongs to the process: without this a bucket has what an earlier one of its name had.
    reset = urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST")
    with urllib.request.urlopen(reset) as reply:
        assert reply.status == 200
    # File systems are kept by their arguments, which do not name the server: those of an earlier one lead nowhere.
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
            environment.setenv("AWS_ACCESS_KEY_ID", "nobody")
            environment.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
            environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
            boto3.client("s3").create_bucket(Bucket=bucket)
            yield f"s3://{bucket}"
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        server.stop()
