"""The samples of a server."""

from __future__ import annotations

import os
from typing import AsyncIterator, Sequence

from .. import methods
from .._config import new_id
from .._convert import SampleName, sample_info, sample_ref
from .._tar import pack, pieces
from ..types import Dataset, SampleInfo
from ..v1 import sample_pb2, sample_service_pb2 as wire
from .connection import AsyncConnection
from .transport import in_thread


class AsyncSamples:
    """`client.samples`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def list(
        self,
        *,
        dataset: str = "",
        search: str = "",
        tags: Sequence[str] = (),
        language: str = "",
        timeout: float | None = None,
    ) -> AsyncIterator[SampleInfo]:
        """The latest version of each sample that fits, by id, page after page as they are read; without task."""
        token = ""
        while True:
            ask = wire.ListSamplesRequest(
                dataset=dataset, search=search, tags=tags, language=language, page_size=200, page_token=token
            )
            page = await self._connection.call(methods.samples.ListSamples, ask, timeout)
            for sample in page.samples:
                yield sample_info(sample)
            token = page.next_page_token
            if token == "":
                return

    async def datasets(self, *, timeout: float | None = None) -> AsyncIterator[Dataset]:
        """The datasets, by name."""
        token = ""
        while True:
            ask = wire.ListDatasetsRequest(page_size=200, page_token=token)
            page = await self._connection.call(methods.samples.ListDatasets, ask, timeout)
            for dataset in page.datasets:
                yield Dataset(dataset.name, dataset.sample_count)
            token = page.next_page_token
            if token == "":
                return

    async def get(self, sample: SampleName, *, timeout: float | None = None) -> SampleInfo:
        """A sample with its task. Raises NotFoundError SAMPLE_NOT_FOUND or SAMPLE_VERSION_NOT_FOUND."""
        ask = wire.GetSampleRequest(sample=sample_ref(sample))
        return sample_info((await self._connection.call(methods.samples.GetSample, ask, timeout)).sample)

    async def register(
        self, folder: str | os.PathLike[str], *, wait: bool = True, timeout: float | None = None
    ) -> SampleInfo:
        """Registers the sample in a folder (sample.yaml, task.md, codebase/, verification/ …) and waits until it is READY
        or in ERROR. A sample whose codebase is a git repository is added with `codeset sample add`. Takes an admin's
        key. Raises InvalidArgumentError INVALID_MANIFEST, whose `violations` name file, line and field."""
        with await in_thread(lambda: pack(folder)) as archive:

            async def requests() -> AsyncIterator[wire.RegisterSampleRequest]:
                header = wire.RegisterSampleRequest.Header(request_id=new_id("req"))
                yield wire.RegisterSampleRequest(header=header)
                for data in pieces(archive):
                    yield wire.RegisterSampleRequest(data=data)

            answer = await self._connection.upload(methods.samples.RegisterSample, requests(), timeout)
        latest = answer.sample
        if wait and latest.state == sample_pb2.SAMPLE_STATE_PREPARING:
            ref = sample_pb2.SampleRef(sample_id=latest.sample_id, version=latest.version)
            watch = wire.WatchSampleRequest(sample=ref)
            async for event in self._connection.stream(methods.samples.WatchSample, watch, timeout):
                if event.WhichOneof("event") == "sample":
                    latest = event.sample
        return sample_info(latest)

    async def remove(self, sample: SampleName, *, timeout: float | None = None) -> None:
        """Removes one version, or with a name without version all. Takes an admin's key. Raises
        FailedPreconditionError SAMPLE_IN_USE."""
        request = wire.DeleteSampleRequest(sample=sample_ref(sample))
        await self._connection.call(methods.samples.DeleteSample, request, timeout)
