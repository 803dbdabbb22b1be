package web

// Chapters names every story by its chapter, and the index of the storybook.
func Chapters() map[string][]string {
	all := map[string][]string{"index": {""}}
	for _, s := range stories() {
		all[chapter(s)] = append(all[chapter(s)], s.Name)
	}
	return all
}
