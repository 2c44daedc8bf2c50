// A first session: makes a session of a sample, runs a command in it with this program's stdin, has the outcome
// verified, and closes the session.
//
//	first-session SAMPLE_ID COMMAND_LINE
//
// Exit status: 0 PASSED, 1 FAILED or TIMED_OUT, 2 wrong usage, 3 everything else.
package main

//go:generate buf generate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "codeset-first-session/codesetv1"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: first-session SAMPLE_ID COMMAND_LINE")
		os.Exit(2)
	}
	// An interrupt cancels the calls, and the session is closed all the same.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	verdict, err := firstSession(ctx, os.Args[1], os.Args[2])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error", describe(err))
		os.Exit(3)
	}
	switch verdict {
	case pb.VerificationState_VERIFICATION_STATE_PASSED:
	case pb.VerificationState_VERIFICATION_STATE_FAILED, pb.VerificationState_VERIFICATION_STATE_TIMED_OUT:
		os.Exit(1)
	default:
		os.Exit(3)
	}
}

// docs:connect
// bearer puts the key into the metadata of each call.
type bearer string

func (key bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(key)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

func connect() (*grpc.ClientConn, error) {
	address := os.Getenv("CODESET_ADDRESS")
	if address == "" {
		address = "127.0.0.1:50051"
	}
	return grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(bearer(os.Getenv("CODESET_API_KEY"))),
		grpc.WithNoProxy(),
		// A server that vanished without a word is noticed within 30 s.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
	)
}

// docs:end

func firstSession(ctx context.Context, sampleID, line string) (verdict pb.VerificationState, err error) {
	connection, err := connect()
	if err != nil {
		return verdict, err
	}
	defer connection.Close()
	sessions := pb.NewSessionServiceClient(connection)

	// docs:session
	creating, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	created, err := sessions.CreateSession(creating, &pb.CreateSessionRequest{
		Source: &pb.CreateSessionRequest_Sample{Sample: &pb.SampleRef{SampleId: sampleID}},
		// Should this program be killed, the session ends by itself.
		Ttl: durationpb.New(10 * time.Minute),
	})
	if err != nil {
		return verdict, err
	}
	session := created.GetSession()
	defer func() {
		// Closed also when ctx was cancelled.
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		_, closeErr := sessions.CloseSession(closing, &pb.CloseSessionRequest{SessionId: session.GetSessionId()})
		if closeErr == nil {
			fmt.Println("session", session.GetSessionId(), "CLOSED")
		} else if err == nil {
			err = closeErr
		}
	}()
	// docs:end
	fmt.Println("session", session.GetSessionId(), strings.TrimPrefix(session.GetState().String(), "SESSION_STATE_"))
	if session.GetState() != pb.SessionState_SESSION_STATE_READY {
		return verdict, errors.New(session.GetError())
	}

	result, err := execute(ctx, sessions, session.GetSessionId(), line)
	if err != nil {
		return verdict, err
	}
	reason := strings.TrimPrefix(result.GetReason().String(), "EXIT_REASON_")
	switch status := result.GetStatus().(type) {
	case *pb.ExecResult_ExitCode:
		fmt.Println("exit", reason, status.ExitCode)
	case *pb.ExecResult_Signal:
		fmt.Println("exit", reason, status.Signal)
	default:
		fmt.Println("exit", reason, result.GetMessage())
	}
	return verify(ctx, pb.NewVerificationServiceClient(connection), session.GetSessionId())
}

// docs:exec
// execute runs a shell line, with what this program reads going in while what the command writes comes out.
func execute(ctx context.Context, sessions pb.SessionServiceClient, sessionID, line string) (*pb.ExecResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := sessions.Exec(ctx)
	if err != nil {
		return nil, err
	}
	spec := &pb.ExecSpec{Command: &pb.ExecSpec_ShellLine{ShellLine: line}, Stdin: true}
	start := &pb.ExecStart{SessionId: sessionID, Spec: spec}
	if err := stream.Send(&pb.ExecRequest{Frame: &pb.ExecRequest_Start{Start: start}}); err != nil && err != io.EOF {
		return nil, err
	}
	go sendInput(stream)

	var result *pb.ExecResult
	for {
		response, err := stream.Recv()
		if err == io.EOF && result != nil {
			return result, nil
		}
		if err != nil {
			return nil, err
		}
		switch frame := response.Frame.(type) {
		case *pb.ExecResponse_Output:
			if frame.Output.GetStream() == pb.OutputStream_OUTPUT_STREAM_STDERR {
				os.Stderr.Write(frame.Output.GetData())
			} else {
				os.Stdout.Write(frame.Output.GetData())
			}
		case *pb.ExecResponse_Gap:
			fmt.Fprintf(os.Stderr, "(%d bytes are lost)\n", frame.Gap.GetToOffset()-frame.Gap.GetFromOffset())
		case *pb.ExecResponse_Exited:
			result = frame.Exited.GetResult()
		}
	}
}

// sendInput ends with the stream at the latest: then Send says so, and Recv why.
func sendInput(stream pb.SessionService_ExecClient) {
	buffer := make([]byte, 32*1024)
	for {
		n, err := os.Stdin.Read(buffer)
		if n > 0 {
			data := &pb.ExecStdin{Data: buffer[:n]}
			if stream.Send(&pb.ExecRequest{Frame: &pb.ExecRequest_Stdin{Stdin: data}}) != nil {
				return
			}
		}
		if err != nil {
			stream.Send(&pb.ExecRequest{Frame: &pb.ExecRequest_EndOfInput{EndOfInput: &pb.ExecEndOfInput{}}})
			return
		}
	}
}

// docs:end

// docs:verify
// verify has the session judged and follows that to its end.
func verify(ctx context.Context, verifications pb.VerificationServiceClient, sessionID string) (pb.VerificationState, error) {
	started, err := verifications.StartVerification(ctx, &pb.StartVerificationRequest{
		Subject: &pb.StartVerificationRequest_SessionId{SessionId: sessionID},
	})
	if err != nil {
		return 0, err
	}
	id := started.GetVerification().GetVerificationId()
	stream, err := verifications.WatchVerification(ctx, &pb.WatchVerificationRequest{VerificationId: id})
	if err != nil {
		return 0, err
	}
	var last *pb.Verification
	for {
		response, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return last.GetState(), err
		}
		switch event := response.Event.(type) {
		case *pb.WatchVerificationResponse_Log:
			os.Stderr.Write(event.Log.GetData())
		case *pb.WatchVerificationResponse_Verification:
			last = event.Verification
		}
	}
	for _, test := range last.GetResult().GetTests() {
		fmt.Println("test", strings.TrimPrefix(test.GetStatus().String(), "TEST_STATUS_"), test.GetName())
	}
	toPass, stillPass := last.GetResult().GetFailToPass(), last.GetResult().GetPassToPass()
	fmt.Printf("verdict %s: fail_to_pass %d/%d, pass_to_pass %d/%d\n",
		strings.TrimPrefix(last.GetState().String(), "VERIFICATION_STATE_"),
		toPass.GetPassed(), toPass.GetTotal(), stillPass.GetPassed(), stillPass.GetTotal())
	return last.GetState(), nil
}

// docs:end

// docs:errors
// describe names the reason, by which programs decide, and the sentence, which people read.
func describe(err error) string {
	failure, ok := status.FromError(err)
	if !ok {
		return err.Error()
	}
	for _, detail := range failure.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "codeset" {
			return info.GetReason() + ": " + failure.Message()
		}
	}
	// Not the service's own: there is no server, or a deadline passed.
	return failure.Code().String() + ": " + failure.Message()
}

// docs:end
