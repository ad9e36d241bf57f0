//! The framed view of a ring: messages of any length, one after another.
//!
//! A frame is a header of eight bytes (length of the payload in bytes, kind), then the payload,
//! then padding to the next multiple of eight. So every payload is aligned to eight bytes, and a
//! vector of numbers inside it can be used where it lies.

/// Size of a frame's header in bytes.
pub const FRAME_HEADER_BYTES: usize = 8;

/// Frames and their payloads begin at multiples of this many bytes.
pub const FRAME_ALIGN_BYTES: usize = 8;

/// Kind of a frame whose payload is bytes that the kernel does not look into.
pub const FRAME_BYTES: u32 = 0;

/// Kind of a frame whose payload is an encoded value (see [`crate::value`]).
pub const FRAME_VALUE: u32 = 1;

/// The header of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHeader {
    /// Length of the payload in bytes, without padding.
    pub payload_bytes: u32,
    /// What the payload is: [`FRAME_BYTES`], [`FRAME_VALUE`], or a number of the user's from 256 up.
    pub kind: u32,
}

impl FrameHeader {
    /// Encodes: length, kind.
    pub fn encode(self) -> [u8; FRAME_HEADER_BYTES] {
        (u64::from(self.payload_bytes) | u64::from(self.kind) << 32).to_le_bytes()
    }

    /// Decodes. Any eight bytes are a header; whether its length fits is the reader's to check.
    pub fn decode(bytes: [u8; FRAME_HEADER_BYTES]) -> FrameHeader {
        let word = u64::from_le_bytes(bytes);
        FrameHeader {
            payload_bytes: word as u32,
            kind: (word >> 32) as u32,
        }
    }

    /// Bytes that the whole frame takes in the ring: header, payload, padding.
    pub fn frame_bytes(self) -> u64 {
        FRAME_HEADER_BYTES as u64
            + u64::from(self.payload_bytes).next_multiple_of(FRAME_ALIGN_BYTES as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::FrameHeader;

    #[test]
    fn header_and_padding() {
        let header = FrameHeader {
            payload_bytes: 9,
            kind: 700,
        };
        assert_eq!(FrameHeader::decode(header.encode()), header);
        assert_eq!(header.frame_bytes(), 24);
        assert_eq!(
            FrameHeader {
                payload_bytes: 0,
                kind: 0
            }
            .frame_bytes(),
            8
        );
        assert_eq!(
            FrameHeader {
                payload_bytes: u32::MAX,
                kind: 0
            }
            .frame_bytes(),
            8 + (1 << 32)
        );
    }
}
