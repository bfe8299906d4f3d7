package config

import (
	"fmt"
	"strings"
)

// nearest finds the word that was probably meant: the one that the fewest
// slips of the keyboard turn into the given one, at most one for each three
// letters and at least one. Case and the choice of - or _ don't count.
func nearest(given string, words []string) (string, bool) {
	if len(given) > 64 {
		return "", false
	}
	same := strings.NewReplacer("-", "_")
	given = same.Replace(strings.ToLower(given))
	best, found := max(1, len(given)/3)+1, ""
	for _, w := range words {
		if d := slips(given, same.Replace(strings.ToLower(w))); d < best && d < len(w) {
			best, found = d, w
		}
	}
	return found, found != ""
}

// slips counts the letters to add, drop, change, or swap with their neighbour
// that lead from one word to another (the optimal string alignment distance).
func slips(from, to string) int {
	a, b := []rune(from), []rune(to)
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	before, last, row := rows[0], rows[1], rows[2]
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// wanted says what may stand in place of a word: the one that was probably
// meant, or all.
func wanted(given string, words []string) string {
	if w, ok := nearest(given, words); ok {
		return "did you mean " + w + "?"
	}
	return "want " + oneOf(words)
}

// oneOf lists words for a message, not more than a reader will read.
func oneOf(words []string) string {
	const most = 20
	switch {
	case len(words) == 1:
		return words[0]
	case len(words) > most:
		return fmt.Sprintf("one of %s and %d more", strings.Join(words[:most], ", "), len(words)-most)
	}
	return "one of " + strings.Join(words, ", ")
}
