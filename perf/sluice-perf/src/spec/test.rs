//! Specifications: defaults, refusals, job files.

use super::*;

fn memory(name: &str) -> JobSpec {
    JobSpec::new(name, Target::Memory { bytes: 1 << 20 })
}

fn path(name: &str) -> JobSpec {
    JobSpec::new(name, Target::Path("/dev/null".into()))
}

#[test]
fn defaults_are_valid() {
    assert_eq!(check_jobs(&[memory("a"), memory("b")]), Ok(()));
    assert_eq!(check_jobs(&[]), Err(SpecError::NoJobs));
    assert_eq!(check_jobs(&[memory("a"), memory("a")]), Err(SpecError::DuplicateName("a".into())));
}

#[test]
fn fields_out_of_range_are_refused() {
    let changes: [fn(&mut JobSpec); 9] = [
        |j| j.queue_depth = 0,
        |j| j.queue_depth = MAX_QUEUE_DEPTH + 1,
        |j| j.connections = 0,
        |j| j.connections = 2,
        |j| j.ops.read_percent = 101,
        |j| j.pattern = Pattern::Zipf { theta: 0.0 },
        |j| j.rate_iops = Some(0),
        |j| j.run_time = None,
        |j| j.name = String::new(),
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut job = memory("a");
        change(&mut job);
        assert!(matches!(job.check(), Err(SpecError::Field { .. })), "change {i}");
    }
}

#[test]
fn verifying_jobs_may_not_share_blocks() {
    let (mut a, mut b) = (path("a"), path("b"));
    assert_eq!(check_jobs(&[a.clone(), b.clone()]), Ok(()), "reads disturb nobody");
    a.verify = Some(VerifySpec::default());
    b.ops.read_percent = 50;
    assert!(matches!(check_jobs(&[a.clone(), b.clone()]), Err(SpecError::Overlap { .. })));
    a.size_bytes = Some(4096);
    b.offset_bytes = 4096;
    assert_eq!(check_jobs(&[a, b]), Ok(()));
}

#[test]
fn job_files() {
    let text = r#"
        [[job]]
        name = "database"
        app = "postgres"
        address = "127.0.0.1:4420"
        nqn = "nqn.2014-08.org.example:one"
        pattern = "zipf"
        read_percent = 70
        block_size = "4k:90,64k:10"
        queue_depth = 16
        connections = 4
        rate = "50k"
        time = "20s"
        verify = true
        read_back = true
        reconnect = true

        [[job]]
        name = "local"
        device = "memory:64M"
        count = "1000"
    "#;
    let jobs = parse_file(text).unwrap();
    assert_eq!(jobs[0].app, "postgres");
    assert_eq!(jobs[0].pattern, Pattern::Zipf { theta: 0.99 });
    assert_eq!(jobs[0].rate_iops, Some(50_000));
    assert!(jobs[0].verify.unwrap().read_back && jobs[0].reconnect.is_some());
    assert_eq!((jobs[1].run_time, jobs[1].io_count), (None, Some(1000)));
    assert_eq!(jobs[1].target, Target::Memory { bytes: 64 << 20 });
}

#[test]
fn bad_job_files_are_refused() {
    let base = "[[job]]\nname = \"a\"\ndevice = \"memory:1M\"\n";
    assert!(parse_file(base).is_ok());
    for bad in [
        "queuedepth = 3",
        "queue_depth = \"3\"",
        "zipf_theta = 0.9",
        "precondition = true",
        "reconnect_timeout = \"3s\"",
        "time = \"soon\"",
        "block_size = \"100\"",
        "address = \"127.0.0.1:1\"",
        "pattern = \"backwards\"",
    ] {
        assert!(parse_file(&format!("{base}{bad}\n")).is_err(), "{bad}");
    }
    assert!(parse_file("").is_err());
}
