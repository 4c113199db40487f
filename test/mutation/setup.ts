import fc from 'fast-check';

/** Under mutation it only counts whether a property fails: the search for the smallest example that fails takes most of the time. */
fc.configureGlobal({ endOnFailure: true });
