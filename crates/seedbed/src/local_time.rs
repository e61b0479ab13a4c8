//! What clocks show where the user is.
#![expect(unsafe_code, reason = "only the C library knows time zones, and it fills in a structure of ours")]

use std::mem::MaybeUninit;
use std::time::{SystemTime, UNIX_EPOCH};

/// By how many seconds clocks here were ahead of UTC at a moment; 0 where the system does not know.
pub fn ahead_of_utc(moment: SystemTime) -> i64 {
    let seconds = moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let Ok(seconds) = libc::time_t::try_from(seconds) else { return 0 };
    let mut local = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are to values of the right type, and zeros are a valid `tm`. The library reads the variable TZ,
    // which nobody here changes.
    let local = unsafe {
        if libc::localtime_r(&raw const seconds, local.as_mut_ptr()).is_null() {
            return 0;
        }
        local.assume_init()
    };
    local.tm_gmtoff
}
