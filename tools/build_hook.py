"""Build hook: put what a wearable carries besides its packages into the wheel, as data.

An installed wheel can so start the simulated wearable without the repository. An editable install takes nothing:
there the repository itself is at hand, and copies would go stale.

In:  `version`, which is "standard" for a wheel and "editable" for a development install
Out: entries of `force_include` in `build_data`: path in the repository -> path in the wheel
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DEVICE_TREE = {
    "firmware/boot.py": "mmc_host/device/boot.py",
    "firmware/main.py": "mmc_host/device/main.py",
    "boards": "mmc_host/device/boards",
}


class DeviceTreeHook(BuildHookInterface[Any]):
    """Hatchling finds the class by its base."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files; hatchling refuses to build if one is missing."""
        if version == "standard":
            build_data["force_include"].update(DEVICE_TREE)
