"""What pyproject.toml cannot say: configs/ and checkpoints/ go into the package, under freqjax/shipped."""

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
        "freqjax": ["py.typed", "native/*.cc"],
        "freqjax.shipped.checkpoints": ["**/*"],
    },
)
