package firstsession;

import codeset.v1.CloseSessionRequest;
import codeset.v1.CreateSessionRequest;
import codeset.v1.ExecEndOfInput;
import codeset.v1.ExecRequest;
import codeset.v1.ExecResponse;
import codeset.v1.ExecResult;
import codeset.v1.ExecSpec;
import codeset.v1.ExecStart;
import codeset.v1.ExecStdin;
import codeset.v1.OutputStream;
import codeset.v1.SampleRef;
import codeset.v1.Session;
import codeset.v1.SessionServiceGrpc;
import codeset.v1.SessionState;
import codeset.v1.StartVerificationRequest;
import codeset.v1.TestResult;
import codeset.v1.Verification;
import codeset.v1.VerificationResult;
import codeset.v1.VerificationServiceGrpc;
import codeset.v1.VerificationState;
import codeset.v1.WatchVerificationRequest;
import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Duration;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import com.google.rpc.Status;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.BlockingClientCall;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.util.concurrent.TimeUnit;

/**
 * A first session: makes a session of a sample, runs a command in it with this program's stdin, has the outcome
 * verified, and closes the session.
 *
 * <p>Exit status: 0 PASSED, 1 FAILED or TIMED_OUT, 2 wrong usage, 3 everything else.
 */
public final class FirstSession implements AutoCloseable {
  public static void main(String[] arguments) {
    if (arguments.length != 2) {
      System.err.println("usage: first-session SAMPLE_ID COMMAND_LINE");
      System.exit(2);
    }
    try (FirstSession program = new FirstSession()) {
      VerificationState verdict = program.run(arguments[0], arguments[1]);
      System.exit(
          switch (verdict) {
            case VERIFICATION_STATE_PASSED -> 0;
            case VERIFICATION_STATE_FAILED, VERIFICATION_STATE_TIMED_OUT -> 1;
            default -> 3;
          });
    } catch (Exception error) {
      System.err.println("error " + describe(error));
      System.exit(3);
    }
  }

  // docs:connect
  private final ManagedChannel channel;
  private final SessionServiceGrpc.SessionServiceBlockingV2Stub sessions;
  private final VerificationServiceGrpc.VerificationServiceBlockingV2Stub verifications;

  private FirstSession() {
    // The key goes into the metadata of each call.
    Metadata metadata = new Metadata();
    metadata.put(
        Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
        "Bearer " + variable("CODESET_API_KEY", ""));
    channel =
        Grpc.newChannelBuilder(
                variable("CODESET_ADDRESS", "127.0.0.1:50051"), InsecureChannelCredentials.create())
            .intercept(MetadataUtils.newAttachHeadersInterceptor(metadata))
            // No proxy.
            .proxyDetector(address -> null)
            // A server that vanished without a word is noticed within 30 s.
            .keepAliveTime(20, TimeUnit.SECONDS)
            .keepAliveTimeout(10, TimeUnit.SECONDS)
            .build();
    sessions = SessionServiceGrpc.newBlockingV2Stub(channel);
    verifications = VerificationServiceGrpc.newBlockingV2Stub(channel);
  }

  // docs:end

  @Override
  public void close() {
    channel.shutdownNow();
  }

  private static String variable(String name, String otherwise) {
    String value = System.getenv(name);
    return value == null || value.isEmpty() ? otherwise : value;
  }

  // docs:session
  private VerificationState run(String sampleId, String line) throws Exception {
    CreateSessionRequest request =
        CreateSessionRequest.newBuilder()
            .setSample(SampleRef.newBuilder().setSampleId(sampleId))
            // Should this program be killed, the session ends by itself.
            .setTtl(Duration.newBuilder().setSeconds(600))
            .build();
    Session session =
        sessions.withDeadlineAfter(120, TimeUnit.SECONDS).createSession(request).getSession();
    try {
      return work(session, line);
    } finally {
      sessions
          .withDeadlineAfter(30, TimeUnit.SECONDS)
          .closeSession(
              CloseSessionRequest.newBuilder().setSessionId(session.getSessionId()).build());
      System.out.println("session " + session.getSessionId() + " CLOSED");
    }
  }

  // docs:end

  private VerificationState work(Session session, String line) throws Exception {
    System.out.printf(
        "session %s %s%n", session.getSessionId(), word(session.getState(), "SESSION_STATE_"));
    if (session.getState() != SessionState.SESSION_STATE_READY) {
      throw new IllegalStateException(session.getError());
    }
    ExecResult result = execute(session.getSessionId(), line);
    Object status =
        switch (result.getStatusCase()) {
          case EXIT_CODE -> result.getExitCode();
          case SIGNAL -> result.getSignal();
          case STATUS_NOT_SET -> result.getMessage();
        };
    System.out.printf("exit %s %s%n", word(result.getReason(), "EXIT_REASON_"), status);
    return verify(session.getSessionId());
  }

  // docs:exec
  /** Runs a shell line, with what this program reads going in while what the command writes comes out. */
  private ExecResult execute(String sessionId, String line) throws Exception {
    BlockingClientCall<ExecRequest, ExecResponse> call = sessions.exec();
    ExecSpec spec = ExecSpec.newBuilder().setShellLine(line).setStdin(true).build();
    ExecStart start = ExecStart.newBuilder().setSessionId(sessionId).setSpec(spec).build();
    call.write(ExecRequest.newBuilder().setStart(start).build());
    // Reading and writing are two threads' work; this one ends with the program at the latest.
    Thread sender = new Thread(() -> sendInput(call));
    sender.setDaemon(true);
    sender.start();

    ExecResult result = null;
    for (ExecResponse response = call.read(); response != null; response = call.read()) {
      switch (response.getFrameCase()) {
        case OUTPUT -> {
          boolean wrong = response.getOutput().getStream() == OutputStream.OUTPUT_STREAM_STDERR;
          response.getOutput().getData().writeTo(wrong ? System.err : System.out);
          System.out.flush();
        }
        case GAP -> {
          long lost = response.getGap().getToOffset() - response.getGap().getFromOffset();
          System.err.println("(" + lost + " bytes are lost)");
        }
        case EXITED -> result = response.getExited().getResult();
        default -> {}
      }
    }
    if (result == null) throw new IOException("the stream ended before the command did");
    return result;
  }

  private static void sendInput(BlockingClientCall<ExecRequest, ExecResponse> call) {
    byte[] buffer = new byte[32 * 1024];
    try {
      for (int n = System.in.read(buffer); n >= 0; n = System.in.read(buffer)) {
        ExecStdin data = ExecStdin.newBuilder().setData(ByteString.copyFrom(buffer, 0, n)).build();
        if (!call.write(ExecRequest.newBuilder().setStdin(data).build())) return;
      }
      call.write(
          ExecRequest.newBuilder().setEndOfInput(ExecEndOfInput.getDefaultInstance()).build());
    } catch (IOException | InterruptedException | StatusException | IllegalStateException ended) {
      // The command ended, or the call did: read() says how.
    }
  }

  // docs:end

  // docs:verify
  /** Has the session judged and follows that to its end. */
  private VerificationState verify(String sessionId) throws Exception {
    Verification last =
        verifications
            .withDeadlineAfter(60, TimeUnit.SECONDS)
            .startVerification(
                StartVerificationRequest.newBuilder().setSessionId(sessionId).build())
            .getVerification();
    var events =
        verifications.watchVerification(
            WatchVerificationRequest.newBuilder()
                .setVerificationId(last.getVerificationId())
                .build());
    for (var event = events.read(); event != null; event = events.read()) {
      if (event.hasLog()) event.getLog().getData().writeTo(System.err);
      if (event.hasVerification()) last = event.getVerification();
    }
    VerificationResult result = last.getResult();
    for (TestResult test : result.getTestsList()) {
      System.out.printf("test %s %s%n", word(test.getStatus(), "TEST_STATUS_"), test.getName());
    }
    System.out.printf(
        "verdict %s: fail_to_pass %d/%d, pass_to_pass %d/%d%n",
        word(last.getState(), "VERIFICATION_STATE_"),
        result.getFailToPass().getPassed(),
        result.getFailToPass().getTotal(),
        result.getPassToPass().getPassed(),
        result.getPassToPass().getTotal());
    return last.getState();
  }

  // docs:end

  /** An enumeration's value without the prefix that names the enumeration. */
  private static String word(Enum<?> value, String prefix) {
    return value.name().startsWith(prefix) ? value.name().substring(prefix.length()) : value.name();
  }

  // docs:errors
  /** Names the reason, by which programs decide, and the sentence, which people read. */
  private static String describe(Exception error) {
    if (!(error instanceof StatusException) && !(error instanceof StatusRuntimeException)) {
      return error.getMessage();
    }
    Status status = StatusProto.fromThrowable(error);
    for (Any detail : status.getDetailsList()) {
      try {
        ErrorInfo info = detail.is(ErrorInfo.class) ? detail.unpack(ErrorInfo.class) : null;
        if (info != null && info.getDomain().equals("codeset")) {
          return info.getReason() + ": " + status.getMessage();
        }
      } catch (InvalidProtocolBufferException unreadable) {
        // Then the code has to do.
      }
    }
    // Not the service's own: there is no server, or a deadline passed.
    return io.grpc.Status.fromThrowable(error).getCode() + ": " + status.getMessage();
  }
  // docs:end
}
