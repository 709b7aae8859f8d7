"""What happens, in the order of the documented process. Each module reads like its page in docs/processes/."""
