"""What each kind of node runs: a file a role, with `install(job)`. tiovivo_deploy.job says what a role
gets, tiovivo_deploy.operations what it may say."""
