pub(super) const IMAPD: &str = "courier-imap/usr/bin/imapd";
pub(super) const TCPD: &str = "courier-base/usr/sbin/couriertcpd";
pub struct Courier;
