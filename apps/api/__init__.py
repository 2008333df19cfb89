"""The API: answers from what was learnt, explains nothing away, writes nowhere."""
