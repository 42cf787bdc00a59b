"""The demo's page in a browser, by Gradio."""
