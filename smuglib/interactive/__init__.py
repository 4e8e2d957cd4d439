"""What the live explorers compute: requests, engines that answer them, and pictures of answers.

Nothing here knows of widgets or browsers: `smuglib.widgets` puts sliders before these engines.
"""
