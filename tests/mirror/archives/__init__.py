"""One file a data set, named after it (`-` as `_`): COHORT, `make(folder)`, `check(cohort)`; PARAMETERS where `tiny` will not do."""
