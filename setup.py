"""Build steps beyond pyproject.toml: configs/ and checkpoints/ are packaged under freqjax/shipped."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["freqjax", "freqjax.*"]),
        "freqjax.shipped.configs",
        "freqjax.shipped.checkpoints",
    ],
    package_dir={
        "freqjax.shipped.configs": "configs",
        "freqjax.shipped.checkpoints": "checkpoints",
    },
    package_data={
        "freqjax": ["py.typed", "native/*.cc", "native/*.h"],
        "freqjax.page": ["templates/*"],
        "freqjax.tasks.autoencoder.poems": ["poems.npz", "NOTICE.md"],
        "freqjax.tasks.classifier.watch": ["watch.npz", "NOTICE.md"],
        "freqjax.shipped.checkpoints": ["**/*"],
    },
)
