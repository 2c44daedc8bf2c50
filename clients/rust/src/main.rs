//! A first session: makes a session of a sample, runs a command in it with this program's stdin, has the outcome
//! verified, and closes the session.
//!
//!     first-session SAMPLE_ID COMMAND_LINE
//!
//! Exit status: 0 PASSED, 1 FAILED or TIMED_OUT, 2 wrong usage, 3 everything else.

use std::env;
use std::io::{self, Read, Write};
use std::process;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::service::Interceptor;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt;

use pb::exec_request::Frame as Sent;
use pb::exec_response::Frame as Received;
use pb::session_service_client::SessionServiceClient;
use pb::verification_service_client::VerificationServiceClient;
use pb::{ExecResult, SessionState, TestStatus, VerificationState};

/// The stubs, which build.rs makes.
#[allow(dead_code)]
mod pb {
    tonic::include_proto!("codeset.v1");
}

type Error = Box<dyn std::error::Error + Send + Sync>;
type Sessions = SessionServiceClient<InterceptedService<Channel, Bearer>>;
type Verifications = VerificationServiceClient<InterceptedService<Channel, Bearer>>;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [sample_id, line] = arguments.as_slice() else {
        eprintln!("usage: first-session SAMPLE_ID COMMAND_LINE");
        process::exit(2);
    };
    // Not by returning: the thread that reads stdin may wait for ever.
    process::exit(match first_session(sample_id, line).await {
        Ok(VerificationState::Passed) => 0,
        Ok(VerificationState::Failed | VerificationState::TimedOut) => 1,
        Ok(_) => 3,
        Err(error) => {
            eprintln!("error {}", describe(error.as_ref()));
            3
        }
    });
}

// docs:connect
/// Puts the key into the metadata of each call.
#[derive(Clone)]
struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

async fn connect() -> Result<(Sessions, Verifications), Error> {
    let address = env::var("CODESET_ADDRESS").unwrap_or_else(|_| "127.0.0.1:50051".into());
    let uri = if address.starts_with("unix:") { address } else { format!("http://{address}") };
    let channel = Endpoint::from_shared(uri)?
        // A server that vanished without a word is noticed within 30 s.
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .connect()
        .await?;
    let key = env::var("CODESET_API_KEY").unwrap_or_default();
    let bearer = Bearer(format!("Bearer {key}").parse()?);
    Ok((
        SessionServiceClient::with_interceptor(channel.clone(), bearer.clone()),
        VerificationServiceClient::with_interceptor(channel, bearer),
    ))
}
// docs:end

async fn first_session(sample_id: &str, line: &str) -> Result<VerificationState, Error> {
    let (mut sessions, mut verifications) = connect().await?;

    // docs:session
    let mut request = Request::new(pb::CreateSessionRequest {
        source: Some(pb::create_session_request::Source::Sample(pb::SampleRef {
            sample_id: sample_id.into(),
            ..Default::default()
        })),
        // Should this program be killed, the session ends by itself.
        ttl: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
        ..Default::default()
    });
    request.set_timeout(Duration::from_secs(120));
    let session = sessions.create_session(request).await?.into_inner().session.unwrap_or_default();

    // Closed whatever comes of it.
    let outcome = work(&mut sessions, &mut verifications, &session, line).await;
    let mut request = Request::new(pb::CloseSessionRequest { session_id: session.session_id.clone() });
    request.set_timeout(Duration::from_secs(30));
    let closed = sessions.close_session(request).await;
    // docs:end
    if closed.is_ok() {
        println!("session {} CLOSED", session.session_id);
    }
    let verdict = outcome?;
    closed?;
    Ok(verdict)
}

async fn work(
    sessions: &mut Sessions,
    verifications: &mut Verifications,
    session: &pb::Session,
    line: &str,
) -> Result<VerificationState, Error> {
    println!("session {} {}", session.session_id, word(session.state().as_str_name(), "SESSION_STATE_"));
    if session.state() != SessionState::Ready {
        return Err(session.error.clone().into());
    }
    let result = execute(sessions, &session.session_id, line).await?;
    let reason = word(result.reason().as_str_name(), "EXIT_REASON_");
    match &result.status {
        Some(pb::exec_result::Status::ExitCode(code)) => println!("exit {reason} {code}"),
        Some(pb::exec_result::Status::Signal(signal)) => println!("exit {reason} {signal}"),
        None => println!("exit {reason} {}", result.message),
    }
    verify(verifications, &session.session_id).await
}

// docs:exec
/// Runs a shell line, with what this program reads going in while what the command writes comes out.
async fn execute(sessions: &mut Sessions, session_id: &str, line: &str) -> Result<ExecResult, Error> {
    let spec = pb::ExecSpec {
        command: Some(pb::exec_spec::Command::ShellLine(line.into())),
        stdin: true,
        ..Default::default()
    };
    let start = pb::ExecStart { session_id: session_id.into(), spec: Some(spec), ..Default::default() };
    let (frames, requests) = mpsc::channel(4);
    frames.send(pb::ExecRequest { frame: Some(Sent::Start(start)) }).await?;
    // A thread, since stdin is read in no other way than waiting.
    std::thread::spawn(move || send_input(frames));

    let mut responses = sessions.exec(ReceiverStream::new(requests)).await?.into_inner();
    let mut result = None;
    while let Some(response) = responses.message().await? {
        match response.frame {
            Some(Received::Output(output)) if output.stream() == pb::OutputStream::Stderr => {
                io::stderr().write_all(&output.data)?;
            }
            Some(Received::Output(output)) => {
                io::stdout().write_all(&output.data)?;
                io::stdout().flush()?;
            }
            Some(Received::Gap(gap)) => eprintln!("({} bytes are lost)", gap.to_offset - gap.from_offset),
            Some(Received::Exited(exited)) => result = exited.result,
            _ => {}
        }
    }
    result.ok_or_else(|| "the stream ended before the command did".into())
}

/// Ends with the stream at the latest: then nobody takes what is sent.
fn send_input(frames: mpsc::Sender<pb::ExecRequest>) {
    let send = |frame| frames.blocking_send(pb::ExecRequest { frame: Some(frame) }).is_ok();
    let mut buffer = vec![0; 32 * 1024];
    loop {
        match io::stdin().read(&mut buffer) {
            Ok(n) if n > 0 => {
                let data = buffer[..n].to_vec();
                if !send(Sent::Stdin(pb::ExecStdin { data, ..Default::default() })) {
                    return;
                }
            }
            _ => {
                send(Sent::EndOfInput(pb::ExecEndOfInput {}));
                return;
            }
        }
    }
}
// docs:end

// docs:verify
/// Has the session judged and follows that to its end.
async fn verify(verifications: &mut Verifications, session_id: &str) -> Result<VerificationState, Error> {
    use pb::watch_verification_response::Event;
    let started = verifications
        .start_verification(pb::StartVerificationRequest {
            subject: Some(pb::start_verification_request::Subject::SessionId(session_id.into())),
            ..Default::default()
        })
        .await?
        .into_inner();
    let mut last = started.verification.unwrap_or_default();
    let watch = pb::WatchVerificationRequest { verification_id: last.verification_id.clone(), log_offset: 0 };
    let mut events = verifications.watch_verification(watch).await?.into_inner();
    while let Some(response) = events.message().await? {
        match response.event {
            Some(Event::Log(log)) => io::stderr().write_all(&log.data)?,
            Some(Event::Verification(verification)) => last = verification,
            None => {}
        }
    }
    let state = last.state();
    let result = last.result.unwrap_or_default();
    for test in &result.tests {
        println!("test {} {}", word(TestStatus::as_str_name(&test.status()), "TEST_STATUS_"), test.name);
    }
    let to_pass = result.fail_to_pass.unwrap_or_default();
    let still_pass = result.pass_to_pass.unwrap_or_default();
    println!(
        "verdict {}: fail_to_pass {}/{}, pass_to_pass {}/{}",
        word(state.as_str_name(), "VERIFICATION_STATE_"),
        to_pass.passed,
        to_pass.total,
        still_pass.passed,
        still_pass.total
    );
    Ok(state)
}
// docs:end

/// An enumeration's value without the prefix that names the enumeration.
fn word<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).unwrap_or(name)
}

// docs:errors
/// Names the reason, by which programs decide, and the sentence, which people read.
fn describe(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    let Some(status) = error.downcast_ref::<Status>() else {
        // Not an answer: there is no server, for instance.
        return match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
    };
    match status.get_details_error_info() {
        Some(info) if info.domain == "codeset" => format!("{}: {}", info.reason, status.message()),
        _ => format!("{:?}: {}", status.code(), status.message()),
    }
}
// docs:end
