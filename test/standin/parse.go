package standin

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// FaultHelp lists the faults that [ParseFault] knows, one per line.
const FaultHelp = `  latency=2s      delay the answer
  status=503      answer with that HTTP code
  throttle=30s    answer 429 with that Retry-After, or with none for 0s
  life=30s        limit the lifetime of grants
`

// ParseFault finds a fault by its name and value, such as status=503. See [FaultHelp].
func ParseFault(order string) (fault Fault, err error) {
	name, value, _ := strings.Cut(order, "=")
	switch name {
	case "latency":
		fault, err = timed(Latency, value)
	case "status":
		fault, err = status(value)
	case "throttle":
		fault, err = timed(Throttle, value)
	case "life":
		fault, err = timed(Life, value)
	default:
		return Fault{}, fmt.Errorf("unknown fault %q; the faults are:\n%s", name, FaultHelp)
	}
	if err != nil {
		return Fault{}, fmt.Errorf("fault %s: %w", name, err)
	}
	return fault, nil
}

// status accepts the codes that net/http can send as a final answer.
func status(value string) (Fault, error) {
	code, err := strconv.Atoi(value)
	if err != nil || code < 200 || code > 599 {
		return Fault{}, errors.New("must be an HTTP code from 200 to 599, such as status=503")
	}
	return Status(code), nil
}

func timed(fault func(time.Duration) Fault, value string) (Fault, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return Fault{}, errors.New("must be a duration such as 90s")
	}
	return fault(d), nil
}
