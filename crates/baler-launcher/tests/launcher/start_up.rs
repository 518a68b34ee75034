//! How long a start takes. The limit is generous, since debug builds and busy machines are slow; the number is printed.

use std::time::{Duration, Instant};

use crate::image::Image;

#[test]
fn a_start_is_short() {
    let image = Image::new("[[processes]]\ntype = 'web'\ncommand = ['/bin/true']\ndirect = true\n");
    let time = |_| {
        let begin = Instant::now();
        image.start("web", &[]).printed();
        begin.elapsed()
    };
    let fastest = (0..20).map(time).min().unwrap();
    println!("launcher and /bin/true: {fastest:?}");
    assert!(fastest < Duration::from_millis(50), "{fastest:?}");
}
