"""A JSON file, with versions when the catalog asks for them; no kedro-datasets needed."""

import json
import os

import fsspec
from kedro.io import AbstractVersionedDataset
from kedro.io.core import get_filepath_str, get_protocol_and_path
from pathlib import PurePosixPath


class JSONFile(AbstractVersionedDataset):
    def __init__(self, *, filepath, version=None, metadata=None):
        protocol, path = get_protocol_and_path(filepath, version)
        self._protocol = protocol
        self._fs = fsspec.filesystem(protocol)
        self.metadata = metadata
        super().__init__(
            filepath=PurePosixPath(path), version=version, exists_function=self._fs.exists, glob_function=self._fs.glob
        )

    def _load(self):
        with open(get_filepath_str(self._get_load_path(), self._protocol), encoding="utf-8") as source:
            return json.load(source)

    def _save(self, data):
        path = get_filepath_str(self._get_save_path(), self._protocol)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        # Whole or not at all: of versions saved at the same time, Kedro loads the newest, which may be another run's.
        part = f"{path}.{os.getpid()}.part"
        with open(part, "w", encoding="utf-8", errors="surrogatepass") as target:
            json.dump(data, target, ensure_ascii=False, sort_keys=True)
        os.replace(part, path)

    def _exists(self):
        return self._fs.exists(get_filepath_str(self._get_load_path(), self._protocol))

    def _describe(self):
        return {"filepath": self._filepath, "version": self._version}


class Unsaveable(JSONFile):
    """Fails when it is saved, after its node has run."""

    def _save(self, data):
        raise OSError("this dataset can't be saved")
