"""The pages: what is predicted, how well, and a form to ask. They talk HTTP to the API and to nothing else."""
