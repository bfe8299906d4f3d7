package conformance

// Unseen lists the clauses about programs that Run does not try, each with the reason.
func Unseen() map[string]string {
	return map[string]string{
		"1.13": "the program alone makes its reasons; what is not printable ASCII breaks 1.3",
		"2.6":  "which of two states is older can't be told from outside",
		"2.14": "whether the state is true can't be told from outside",
		"3.4":  "a change can't be made from outside",
		"3.5":  "a change can't be made from outside",
		"3.8":  "it allows either",
		"3.10": "at the pace of a watch it takes too long to fill the buffers between; 6.5 and 6.7 try the same with polls",
		"4.1":  "how the program reads its secret shows in 4.5",
		"4.8":  "programs compare no macs",
		"6.9":  "it would end the program",
		"6.12": "it allows either",
		"7.2":  "the program would have to be started again; that it is 16 digits is part of 7.1, and that polls say the same is 7.3",
		"7.6":  "it is a choice, and a change can't be made from outside",
		"7.7":  "it takes more directors than one",
		"7.10": "it would end the program",
		"7.11": "whether the state is true can't be told from outside",
		"7.12": "the program does not work the key out; that it has the right one is 7.14",
		"7.13": "how the program reads its key shows in 7.14",
	}
}
