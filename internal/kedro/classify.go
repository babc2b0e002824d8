package kedro

import (
	"fmt"
	"regexp"
	"strings"
)

// Reason is why a run failed, in the words of the design; the worker maps them to
// its own type. Those that Kedro has no part in (timeout, worker_lost, …) are
// decided elsewhere.
type Reason string

// The reasons that Classify gives.
const (
	ReasonPipelineError    Reason = "pipeline_error"
	ReasonPipelineNotFound Reason = "pipeline_not_found"
	ReasonInvalidOptions   Reason = "invalid_options"
	ReasonStartError       Reason = "start_error"
	ReasonOutOfMemory      Reason = "out_of_memory"
	ReasonKilled           Reason = "killed"
)

// Exit is how a run's first process ended.
type Exit struct {
	Code        int    // exit code; meaningless where Signal is set
	Signal      string // "SIGKILL", …; "" when it exited by itself
	OutOfMemory bool   // the caller knows: the kernel or a limit killed it for memory
	StartError  error  // it could not be started at all
}

// Outcome is what Classify found. Reason is "" for a run that ended well.
type Outcome struct {
	Reason    Reason
	Message   string // for a person: the exception, never "exit status 1"
	Exception *Exception
}

// maxLogTail is how much of a log's end Classify reads.
const maxLogTail = 128 << 10

// Classify says why a run failed: from how it ended, what the hook told (state may
// be nil), and the end of its log. python is the interpreter, for what to install
// where.
//
//kedrod:parser FuzzClassify
func Classify(exit Exit, state *State, logTail []byte, python string) Outcome {
	if len(logTail) > maxLogTail {
		logTail = logTail[len(logTail)-maxLogTail:]
	}
	if state == nil {
		state = &State{}
	}
	switch {
	case exit.StartError != nil:
		return Outcome{Reason: ReasonStartError, Message: fmt.Sprintf("the interpreter %s can't be started: %v", python, exit.StartError)}
	case exit.OutOfMemory:
		return Outcome{Reason: ReasonOutOfMemory, Message: "the run was killed because it used too much memory" + atNode(state), Exception: state.Exception}
	case exit.Signal == "SIGABRT" && noMemoryAbort.Match(logTail):
		return Outcome{Reason: ReasonOutOfMemory, Message: "a compiled library found no more memory and ended the run" + atNode(state), Exception: state.Exception}
	case exit.Signal != "":
		return Outcome{Reason: ReasonKilled, Message: signalMessage(exit.Signal) + atNode(state)}
	case exit.Code == 0:
		return Outcome{}
	}
	x := state.Exception
	// With the hook at work, a process that leaves by a code of its own raised
	// nothing: an exception in its log is one that was caught and printed.
	if x == nil && (!state.Hooked || !state.Started || exit.Code == 1) {
		x = exceptionFromLog(logTail)
	}
	if x != nil && (state.Started || inRunner.MatchString(x.Traceback)) {
		return raised(x, python)
	}
	if out, ok := beforeStart(x, exit.Code, string(logTail), python); ok {
		return out
	}
	if state.Started {
		return Outcome{Reason: ReasonPipelineError, Message: fmt.Sprintf("the run ended its own process with exit code %d, without an exception%s", exit.Code, atNode(state))}
	}
	message := fmt.Sprintf("the run ended with exit code %d before the pipeline began", exit.Code)
	if last := lastLine(logTail); last != "" {
		message += "; the last line of its log: " + last
	}
	return Outcome{Reason: ReasonStartError, Message: message}
}

// raised is an exception of the pipeline's own.
func raised(x *Exception, python string) Outcome {
	reason := ReasonPipelineError
	if noMemory(x) {
		reason = ReasonOutOfMemory
	}
	return Outcome{Reason: reason, Message: exceptionMessage(x, python), Exception: x}
}

// noMemory tells whether an exception, or what caused it, is that there was no more memory: Python's own MemoryError, numpy's _ArrayMemoryError,
// pyarrow's ArrowMemoryError.
func noMemory(x *Exception) bool {
	return strings.HasSuffix(x.Type, "MemoryError") || memoryCause.MatchString(x.Traceback)
}

var (
	usageError = regexp.MustCompile(`(?m)^Error: (.+)$`)
	noKedro    = regexp.MustCompile(`(?m)^.*: No module named '?(kedro(?:\.__main__)?)'?\s*$`)
	inRunner   = regexp.MustCompile(`/kedro/runner/\w+\.py\b`) // a frame of it: the pipeline had begun
	// a line of a traceback that names the error: the cause of another, such as Kedro's DatasetError
	memoryCause = regexp.MustCompile(`(?m)^(?:\w+\.)*\w*MemoryError(?::|$)`)
	// what C++ says where nothing catches the error
	noMemoryAbort = regexp.MustCompile(`(?m)^terminate called after throwing an instance of '(?:std::)?bad_alloc'`)
	notAPipeline  = regexp.MustCompile(`Failed to find the pipeline named`)
	// what Kedro says to options that name nothing; tried on 1.7, where the tests are
	notOptions = regexp.MustCompile("Pipeline does not contain (?:nodes?|datasets?|data_sets?|namespaces?|any nodes?)" +
		"|Pipeline contains no nodes" +
		"|Given configuration path either does not exist" +
		"|[Kk]ey .* in provided configuration is not valid" +
		"|module 'kedro\\.runner' has no attribute")
)

// beforeStart judges what kept a pipeline from beginning.
func beforeStart(x *Exception, code int, log, python string) (Outcome, bool) {
	log = ansi.ReplaceAllString(log, "")
	if m := noKedro.FindStringSubmatch(log); m != nil && x == nil {
		return Outcome{Reason: ReasonStartError, Message: "Kedro is not installed in the interpreter: " + installHint("kedro", python)}, true
	}
	if strings.Contains(log, "No such command 'run'") {
		return Outcome{Reason: ReasonStartError, Message: "Kedro found no project in the working directory: check the project's path and the [tool.kedro] section of its pyproject.toml"}, true
	}
	if x != nil {
		message := exceptionMessage(x, python)
		switch {
		case notAPipeline.MatchString(x.Message):
			return Outcome{Reason: ReasonPipelineNotFound, Message: message, Exception: x}, true
		case notOptions.MatchString(x.Message):
			return Outcome{Reason: ReasonInvalidOptions, Message: message, Exception: x}, true
		case noMemory(x):
			return Outcome{Reason: ReasonOutOfMemory, Message: message, Exception: x}, true
		}
		return Outcome{Reason: ReasonStartError, Message: message, Exception: x}, true
	}
	if m := usageError.FindAllStringSubmatch(log, -1); code == 2 && m != nil {
		return Outcome{Reason: ReasonInvalidOptions, Message: strings.TrimSpace(m[len(m)-1][1])}, true
	}
	return Outcome{}, false
}

// exceptionMessage is "ValueError: what it said", and for a missing module where to
// install what.
func exceptionMessage(x *Exception, python string) string {
	name := x.Type
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	message := name
	if x.Message != "" {
		message += ": " + strings.TrimSpace(x.Message)
	}
	message = cutText(message, 4000)
	if x.Module != "" && strings.HasSuffix(x.Type, "ModuleNotFoundError") {
		message += " — " + installHint(x.Module, python)
	}
	return message
}

// distribution is the package that brings a module, where it has another name.
func distribution(module string) string {
	others := map[string]string{
		"sklearn": "scikit-learn", "yaml": "PyYAML", "cv2": "opencv-python", "PIL": "Pillow", "bs4": "beautifulsoup4", "skimage": "scikit-image",
		"dotenv": "python-dotenv", "dateutil": "python-dateutil", "kedro_datasets": "kedro-datasets", "kedro_mlflow": "kedro-mlflow",
		"kedro_viz": "kedro-viz", "psycopg2": "psycopg2-binary", "OpenSSL": "pyOpenSSL", "git": "GitPython", "snowflake": "snowflake-connector-python",
	}
	return firstOf(others[module], module)
}

// installHint says what to type so that the interpreter finds a module.
func installHint(module, python string) string {
	top, _, _ := strings.Cut(module, ".")
	return fmt.Sprintf("install it in the interpreter %s: %s -m pip install %s", python, python, distribution(top))
}

func signalMessage(signal string) string {
	known := map[string]string{
		"SIGSEGV": "a segmentation fault, most often in a compiled library",
		"SIGBUS":  "a bus error, most often in a compiled library or a truncated file",
		"SIGILL":  "an illegal instruction: a compiled library is made for another processor",
		"SIGABRT": "it aborted itself, most often a compiled library",
		"SIGFPE":  "an arithmetic fault in a compiled library",
		"SIGKILL": "nobody here sent it: the kernel when memory runs out, or an administrator",
	}
	if words, ok := known[signal]; ok {
		return fmt.Sprintf("killed by %s (%s)", signal, words)
	}
	return fmt.Sprintf("killed by %s, which nobody here sent", signal)
}

func atNode(s *State) string {
	running := s.Progress().Running
	if len(running) == 0 {
		return ""
	}
	return fmt.Sprintf(", in node %s", strings.Join(running[:min(3, len(running))], ", "))
}

func lastLine(log []byte) string {
	lines := strings.Split(strings.ToValidUTF8(string(log), "�"), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(plainLine(lines[i])); line != "" {
			return cutText(line, 500)
		}
	}
	return ""
}
