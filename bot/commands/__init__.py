"""What an operator types: each file a group of commands of `sentinel`.

What is heavy is imported by the command that needs it: `--help` should not wait for Telegram.
"""
