package checker

// success is the result of a run that found the server working.
func success() Result { return Result{Answer: Success, Percent: 100} }

// failed is the result of a run in which something went wrong on the way.
func failed(reason string) Result { return Result{Answer: Failure, Percent: 100, Reason: reason} }

// refused is the result of a run in which the service said that it does not work.
func refused(reason string) Result { return Result{Answer: Refusal, Percent: 100, Reason: reason} }

// inconclusive is the result of a run that failed through our own trouble.
func inconclusive(reason string) Result {
	return Result{Answer: Inconclusive, Percent: 100, Reason: reason}
}
