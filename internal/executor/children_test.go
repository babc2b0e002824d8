package executor

func childMain(what string, args []string) int {
	return 99
}
