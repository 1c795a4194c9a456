"""The page with an engine that answers by rule: started by Streamlit for browser tests."""

import app.engine
from tests.app.rule import Rule

app.engine.Engine = Rule

from app import main  # noqa: E402

main.Engine = Rule  # where a run of the page came before
main.main()
