package pickle

// Identity returns a value that is equal for the same tuple at several places of a pickle,
// as the pointers of other containers are.
func (t Tuple) Identity() any {
	if len(t) == 0 {
		return nil
	}
	return &t[0]
}

// Persistents returns the references to outside that a value of Load contains.
func Persistents(v any) []Persistent {
	var found []Persistent
	seen := map[any]bool{}
	todo := []any{v}
	for len(todo) > 0 {
		v := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch v := v.(type) {
		case Persistent:
			found = append(found, v)
			todo = append(todo, v.ID)
		case Tuple:
			if id := v.Identity(); !seen[id] {
				seen[id] = true
				todo = append(todo, v...)
			}
		case *List:
			if !seen[v] {
				seen[v] = true
				todo = append(todo, v.Items...)
			}
		case *Dict:
			if !seen[v] {
				seen[v] = true
				todo = v.append(todo)
			}
		case *Object:
			if !seen[v] {
				seen[v] = true
				todo = append(append(append(todo, v.State), v.Args...), v.List.Items...)
				todo = v.Dict.append(todo)
			}
		}
	}
	return found
}

func (d *Dict) append(values []any) []any {
	for _, i := range d.Items {
		values = append(values, i.Key, i.Value)
	}
	return values
}
