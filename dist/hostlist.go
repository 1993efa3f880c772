package dist

import (
	"fmt"
	"strconv"
	"strings"
)

// mostHosts limits what a short text can expand to.
const mostHosts = 100_000

// Hosts expands a list of hosts as Slurm writes it: "gpu[01-03,07],login" is gpu01, gpu02, gpu03,
// gpu07 and login. A name may have several brackets.
func Hosts(list string) ([]string, error) {
	var hosts []string
	for _, item := range splitOutside(list) {
		names, err := expand(item)
		if err != nil {
			return nil, fmt.Errorf("want a list such as gpu[01-04,07], got %q: %w", list, err)
		}
		if hosts = append(hosts, names...); len(hosts) > mostHosts {
			return nil, fmt.Errorf("want at most %d hosts, got more in %q", mostHosts, list)
		}
	}
	if len(hosts) == 0 {
		return nil, fmt.Errorf("want a list such as gpu[01-04,07], got %q", list)
	}
	return hosts, nil
}

// splitOutside splits at the commas that are not between brackets.
func splitOutside(list string) []string {
	depth := 0
	return strings.FieldsFunc(list+",", func(r rune) bool {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		}
		return r == ',' && depth == 0
	})
}

// expand returns the names of one item of a list.
func expand(item string) ([]string, error) {
	before, rest, found := strings.Cut(item, "[")
	if !found {
		if item == "" || strings.Contains(item, "]") {
			return nil, fmt.Errorf("%q is no name", item)
		}
		return []string{item}, nil
	}
	ranges, after, found := strings.Cut(rest, "]")
	if !found {
		return nil, fmt.Errorf("%q has a bracket that does not close", item)
	}
	ends := []string{""}
	if after != "" {
		var err error
		if ends, err = expand(after); err != nil {
			return nil, err
		}
	}
	var names []string
	for _, r := range strings.Split(ranges, ",") {
		numbers, err := numbers(r)
		if err != nil {
			return nil, err
		}
		if len(names)+len(numbers)*len(ends) > mostHosts {
			return nil, fmt.Errorf("%q has more than %d names", item, mostHosts)
		}
		for _, n := range numbers {
			for _, end := range ends {
				names = append(names, before+n+end)
			}
		}
	}
	return names, nil
}

// numbers expands "07" or "01-04", with as many digits as the first number has.
func numbers(r string) ([]string, error) {
	first, last, found := strings.Cut(r, "-")
	if !found {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 31)
	to, err2 := strconv.ParseUint(last, 10, 31)
	if err != nil || err2 != nil || to < from || to-from >= mostHosts {
		return nil, fmt.Errorf("%q is no range of numbers", r)
	}
	all := make([]string, 0, to-from+1)
	for n := from; n <= to; n++ {
		all = append(all, fmt.Sprintf("%0*d", len(first), n))
	}
	return all, nil
}

// tasksPerNode expands "4(x2),3" to 4, 4, 3.
func tasksPerNode(text string) ([]int, error) {
	var tasks []int
	for _, item := range strings.Split(text, ",") {
		count, times, repeated := strings.Cut(item, "(x")
		n, err := strconv.Atoi(count)
		repeat := 1
		if repeated && err == nil {
			repeat, err = strconv.Atoi(strings.TrimSuffix(times, ")"))
		}
		if err != nil || n < 1 || repeat < 1 || repeat > mostHosts || repeated != strings.HasSuffix(item, ")") {
			return nil, fmt.Errorf("want numbers such as 4(x2),3, got %q", text)
		}
		for range repeat {
			tasks = append(tasks, n)
		}
	}
	return tasks, nil
}
