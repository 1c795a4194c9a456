from tests.model.released.fixtures import client, hub, repositories  # noqa: F401  # for all tests here
